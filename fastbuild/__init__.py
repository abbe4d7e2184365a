"""fastbuild: a drop-in for ``docker build`` in CI."""
