"""Measurements against plain BuildKit and its peers, each with its raw samples in `results`."""
