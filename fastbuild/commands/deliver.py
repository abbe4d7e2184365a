"""A report's way out: to standard output, or whole into a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


def deliver(text: str, file: str | None) -> None:
    """Print a report, or put it into `file`, which is replaced at once or not at all."""
    if file:
        from fastbuild.files import replace_file

        replace_file(Path(file), text.encode("utf-8", "surrogateescape"))
        return
    from fastbuild.reports.words import encodable

    click.echo(encodable(text, sys.stdout.encoding), nl=False)


def may_colour(file: str | None) -> bool:
    """Whether whoever reads the report sees colours. https://no-color.org"""
    return not file and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
