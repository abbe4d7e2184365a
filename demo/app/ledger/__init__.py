"""Orders in, revenue by week out."""
