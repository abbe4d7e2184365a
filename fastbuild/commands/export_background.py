"""The process that writes a build's cache after `fastbuild build --export background` has returned.

Run as `python -m fastbuild.commands.export_background TAKING TELLING`, two descriptors: the work comes
through the first, so that no secret lies in a file or a process list; the second is closed when the context
is no longer needed. The journal's lock is inherited, and goes with this process.
"""

from __future__ import annotations

import copyreg
import os
import pickle
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.commands.interrupts import signals, workdir
from fastbuild.errors import FastbuildError
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench
from fastbuild.pipeline.export import export
from fastbuild.pipeline.export_journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fastbuild.cache.credentials import Credentials
    from fastbuild.config import Settings
    from fastbuild.context.copies import Index
    from fastbuild.engines.detect import Choice
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.paths import Paths
    from fastbuild.pipeline.export_journal import Entry
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.request import BuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What there is to write, as `pipeline.export.export` takes it, and what goes beside it."""

    settings: Settings
    paths: Paths
    choice: Choice
    credentials: Credentials | None
    request: BuildRequest
    dockerfile: bytes | None
    same_as: Mapping[Path, Index]
    normal_home: Path | None
    side: tuple[SideFile, Foreseen] | None
    entry: Entry = field(repr=False)


def packed(work: Work) -> bytes:
    """The work as `main` reads it."""
    copyreg.pickle(MappingProxyType, lambda them: (_read_only, (dict(them),)))
    return pickle.dumps(work)


def _read_only(items: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(items)


def write(work: Work, on_begin: Callable[[], None]) -> tuple[bool, tuple[str, ...]]:
    """Whether it was written, and what there is to say. Raises FastbuildError when there is no engine."""
    with (
        workdir() as folder,
        prepare.ready(
            work.choice,
            work.request,
            folder,
            work.paths,
            os.environ,
            **work.settings.private_engine,
            credentials=work.credentials,
        ) as ready,
    ):
        bench = Bench(
            engine=work.choice.engine,
            job=ready.job,
            daemon=ready.daemon,
            client=prepare.client_id(work.paths),
            copies_home=work.paths.state / "copies",
            cache_timeout=work.settings.cache_timeout,
            store_was_empty=False,
            on_event=lambda _: None,
            on_line=lambda _: None,
            unblock=ready.unblock,
            abandoned=ready.abandoned,
            normal_home=work.normal_home,
            same_as=work.same_as,
        )
        done = export(bench, work.request, work.dockerfile, on_begin)
    if work.side is not None and not done.problems:
        from fastbuild.pipeline import side_files
        from fastbuild.progress.timings import BuildTiming

        side, foreseen = work.side
        with suppress(Exception):  # the cache is written all the same
            timing = BuildTiming(others=done.others)
            said = side_files.write(side, foreseen, timing, work.request, work.credentials, os.environ)
            return True, said
    return not done.problems, done.problems


def main(taking: int, telling: int) -> None:
    """Read the work, do it, and note what came of it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that it was started from may go
    with os.fdopen(taking, "rb") as pipe:
        work: Work = pickle.load(pipe)
    journal, entry = Journal.of(work.paths), replace(work.entry, pid=os.getpid())
    journal.write(entry)
    open_ends = [telling]

    def begun() -> None:
        while open_ends:
            os.close(open_ends.pop())

    try:
        with signals():
            written, problems = write(work, begun)
    except FastbuildError as error:
        written, problems = False, (f"cache: {error.what}",)
    result = "written" if written else "failed"
    seconds = time.time() - entry.started
    journal.write(replace(entry, result=result, problems=problems, seconds=seconds))
    begun()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
