"""The lab: a real engine, S3 and registry started by code on a fresh machine.

``python -m tests.lab up`` brings everything up by hand; ``tests.lab.lab.lab()`` does it for tests.
"""
