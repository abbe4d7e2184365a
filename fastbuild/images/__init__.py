"""What an image is made of: its configuration and its files, without any engine."""
