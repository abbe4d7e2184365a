"""Collects answers."""
