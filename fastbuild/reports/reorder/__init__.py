"""The suggestion of `fastbuild reorder`, one renderer per format."""
