"""Structured logs."""

import structlog


def configured() -> None:
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
