"""`fastbuild cache flush`: wait for caches that are written in the background."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fastbuild.paths import Paths
from fastbuild.pipeline.export_journal import Journal, sentence

if TYPE_CHECKING:
    from fastbuild.pipeline.export_journal import Entry

TIMEOUT = 600.0


@click.command("flush")
@click.option("--timeout", type=click.FloatRange(min=0), default=TIMEOUT, help="Seconds to wait. [600]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(timeout: float, form: str) -> None:
    """Wait until the caches of builds with --export background are written, and say what came of each.

    For the end of a job, before its machine goes. Ends with 0 also when a cache was not written, or not in
    time: a cache problem fails no build.
    """
    journal = Journal.of(Paths.from_environ(os.environ, os.getuid()))
    end = time.monotonic() + timeout
    results = []
    for entry in list(journal.entries()):
        ended = journal.ended(entry.build, end)
        result = ended or entry
        if ended is not None:
            journal.forget(entry.build)
        elif form == "text":
            caches = ", ".join(entry.caches)
            click.echo(
                f"cache: {caches} of build {entry.build} is still being written after {timeout:g} s: "
                "call `fastbuild cache flush` again, with a longer --timeout"
            )
        results.append(_as_json(result, runs=ended is None))
        if ended is not None and form == "text":
            click.echo(sentence(ended))
    if form == "json":
        click.echo(json.dumps({"version": 1, "exports": results}, indent=2))
    elif not results:
        click.echo("no cache is being written", err=True)


def _as_json(entry: Entry, *, runs: bool) -> dict[str, object]:
    """An export as documented in docs/reference/export.md."""
    found = asdict(entry)
    del found["pid"], found["version"]
    # nobody writes it any more, and it never said what came of it
    found["result"] = "lost" if entry.result == "running" and not runs else entry.result
    return found
