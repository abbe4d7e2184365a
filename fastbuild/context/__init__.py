"""The build context: what arrives on standard input, and the daemon's copies of directories."""
