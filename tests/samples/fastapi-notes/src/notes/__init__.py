"""An API that keeps short notes."""
