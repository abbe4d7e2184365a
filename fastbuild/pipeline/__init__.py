"""One build from request to record."""
