"""Cache keys, computed as BuildKit computes them: no program, no socket, values in and values out."""
