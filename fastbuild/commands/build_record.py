"""What stays of a `fastbuild build`: its record, in the history and in a file, and the table it prints."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import Interrupted, UsageError
from fastbuild.history import BuildRecord, History, utc, write_record
from fastbuild.progress.masking import masked, secret_values
from fastbuild.reports import as_terminal, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.commands.build_state import Found, Progress
    from fastbuild.errors import FastbuildError
    from fastbuild.paths import Paths
    from fastbuild.request import BuildRequest


def make_record(
    asked: BuildRequest,
    found: Found,
    so_far: Progress,
    error: FastbuildError | None,
) -> BuildRecord:
    """The record of a build so far. Secrets are masked."""
    request, facts, ci = found.request, found.origin.git, found.origin.ci
    result = "ok" if error is None else "cancelled" if isinstance(error, Interrupted) else "failed"
    urls = (asked.context, asked.file or "", *(source for _, source in asked.build_contexts))
    secret = secret_values(asked.build_args, urls)
    return BuildRecord(
        id=so_far.id,
        started=utc(so_far.started),
        seconds=so_far.seconds(),
        image_seconds=so_far.image_seconds,
        result=result,
        exit_code=error.exit_code if error else 0,
        engine=found.choice.name,
        engine_version=so_far.engine_version,
        context=masked(asked.context, secret),
        dockerfile=masked(asked.file or "", secret),
        target=asked.target or "",
        platforms=asked.platforms,
        tags=asked.tags,
        cache_read=tuple(spec.label for spec in request.cache_from),
        cache_written=tuple(spec.label for spec in request.cache_to),
        commit=found.origin.commit,
        branch=ci.branch or (facts.branch if facts else None) or "",
        dirty=found.dirty.known(),
        provider=ci.provider,
        digest=so_far.digest,
        timing=masked(so_far.best_timing(found.lines()), secret),
        notes=masked((*so_far.notes, *so_far.problems), secret),
        score=masked(so_far.score, secret),
        reasons=masked(so_far.reasons, secret),
        skipped=so_far.skipped,
        export=so_far.export,
    )


def show_steps(record: BuildRecord, environ: Mapping[str, str], *, table: bool, reasons: bool) -> None:
    """Print the table of steps, and why they ran."""
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stderr.isatty() and not environ.get("NO_COLOR")
    parts = (
        as_terminal.step_table(record, width, colour) if table else "",
        as_terminal.reason_lines(record.reasons, width) if reasons else "",
    )
    _say(words.encodable("".join(f"{part}\n" for part in parts if part), sys.stderr.encoding))


def keep(record: BuildRecord, paths: Paths, *, path: str, quiet: bool) -> None:
    """Print the summary, store the record; only a --record `path` that can't be written is an error."""
    if not quiet:
        _say(words.encodable(f"{as_terminal.summary_line(record)}\n", sys.stderr.encoding))
    try:
        History(paths.ensure().history).add(record)
    except UsageError as unwritable:
        _say(f"fastbuild: this build is not in the history: {unwritable.what}\n")
    if path:
        write_record(Path(path), record)


def _say(text: str) -> None:
    """To standard error, which may be gone: that fails no build."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
