"""Fetches feeds and stores what is new."""
