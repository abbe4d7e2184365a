"""A catalogue, a basket and orders."""
