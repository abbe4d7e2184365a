"""A build's cache, written after its image: while the build waits, in the background, or with the image."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.errors import BuildFailed, FastbuildError, Interrupted
from fastbuild.pipeline.export import after, dockerfile_of, export, parted, written_into_context
from fastbuild.pipeline.export_journal import Entry, Journal
from fastbuild.progress.events import Note
from fastbuild.progress.rawjson import StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fastbuild.commands.build_insight import Insight
    from fastbuild.commands.build_state import Found, Progress
    from fastbuild.config import Settings
    from fastbuild.paths import Paths
    from fastbuild.pipeline.attempt import Bench
    from fastbuild.pipeline.run import Outcome
    from fastbuild.progress.events import Event
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.reports.live import View
    from fastbuild.request import BuildRequest

HAND_OVER = 60.0
"""Seconds that the background may take to find all steps, while the context must stay as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`first` is built, then `second` is solved (None: nothing to write then). `how` as in `history.Export`.

    An empty `how`: there is no cache to write. `dockerfile` is the text that is built. With
    `demanding`, a cache that can't be written fails the build.
    """

    first: BuildRequest
    second: BuildRequest | None = None
    how: str = ""
    dockerfile: bytes | None = None
    demanding: bool = False


def plan(request: BuildRequest, engine: str, wanted: str, own: tuple[str, ...]) -> tuple[Plan, str]:
    """How `request` is built and its cache written, and a note where that is not as `wanted`.

    `own` are files that fastbuild writes when the image is there.
    """
    first, second = parted(request, engine)
    if second is None:
        return Plan(first=request), ""
    inside = written_into_context(request, own)
    if inside:
        note = f"cache: written with the image, not after it: {inside} lies in the context and is not ignored"
        return Plan(first=request, how="with_image"), note
    if len(request.platforms) > 1:
        # of found results with equal layers BuildKit exports one: other platforms would lose theirs
        note = "cache: written with the image, not after it: there are several platforms"
        return Plan(first=request, how="with_image"), note if wanted == "background" else ""
    demanding = any(spec.get("ignore-error") == "false" for spec in second.cache_to)
    how = "wait" if demanding else wanted
    note = "cache: written while the build waits, for its failure fails the build" if how != wanted else ""
    text = dockerfile_of(request)
    return Plan(first=first, second=second, how=how, dockerfile=text, demanding=demanding), note


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What the second phase needs of the first. Its plan says how to write a cache."""

    settings: Settings
    paths: Paths
    environ: Mapping[str, str]
    found: Found
    bench: Bench
    outcome: Outcome
    insight: Insight | None
    so_far: Progress
    plan: Plan

    def run(self, view: View) -> FastbuildError | None:
        """Write the cache, or see to it that it is written; the error if that fails a demanding build."""
        from fastbuild.history import Export

        planned, so_far = self.plan, self.so_far
        if planned.second is None:
            self._leave_side(self.outcome.timing, self.found.request, view.add)
            lines = [o for o in self.outcome.timing.others if o.kind is StepKind.CACHE_EXPORT]
            so_far.export = Export(how=planned.how, result=_result(any(o.error for o in lines)))
            return None
        foreseen = self.insight.foreseen if self.insight else None
        if foreseen is not None:
            from fastbuild.pipeline.current_cache import is_current

            exports, timing = planned.second.cache_to, self.outcome.timing
            if is_current(self.found.request, exports, timing, foreseen, time.time()):
                so_far.export = Export(how=planned.how, result="skipped")
                return None
        second = after(planned.second, self.outcome)
        bench = replace(self.bench, same_as=self.bench.scanned, on_event=view.add, on_line=view.add_raw)
        began = time.monotonic()
        so_far.export = Export(how=planned.how, result="failed")  # if this is interrupted
        try:
            run = self._left if planned.how == "background" else self._waited_for
            result = run(second, bench)
        except Interrupted:
            raise
        except FastbuildError as error:
            so_far.problems.append(f"cache: not written: {error.what}")
            result = "failed"
        so_far.export = Export(how=planned.how, result=result, seconds=time.monotonic() - began)
        if result == "failed" and planned.demanding:
            return BuildFailed("error: " + "; ".join(so_far.problems))
        return None

    def _entry(self, second: BuildRequest) -> Entry:
        return Entry(
            build=self.so_far.id,
            context=self.found.request.context,
            engine=self.found.choice.name,
            caches=tuple(spec.label for spec in second.cache_to),
            started=time.time(),
            pid=os.getpid(),
        )

    def _waited_for(self, second: BuildRequest, bench: Bench) -> str:
        journal = Journal.of(self.paths)
        lock = journal.begin(self._entry(second))
        try:
            done = export(bench, second, self.plan.dockerfile)
        finally:
            journal.forget(self.so_far.id)
            os.close(lock)
        so_far = self.so_far
        so_far.problems += [said for said in done.problems if said not in so_far.problems]
        timing = self.outcome.timing if so_far.timing is None else so_far.timing
        so_far.timing = replace(timing, others=(*timing.others, *done.others))
        if self.insight is not None and self.insight.side is None:
            # it was not ready when the image was; writing the cache has given it time
            self.insight.tell(so_far, self.outcome.timing, exporting=True)
        if not done.problems:
            self._leave_side(so_far.timing, second, bench.on_event)
        return _result(bool(done.problems))

    def _leave_side(self, timing: BuildTiming, request: BuildRequest, tell: Callable[[Event], None]) -> None:
        side = self.insight.side if self.insight else None
        if side:
            from fastbuild.pipeline import side_files

            with suppress(Exception):  # the cache is written: this must not fail the build
                credentials = self.found.caches.credentials
                for said in side_files.write(*side, timing, request, credentials, self.environ):
                    self.so_far.notes.append(said)
                    tell(Note(text=said))

    def _left(self, second: BuildRequest, bench: Bench) -> str:
        """Start the process that writes it, and wait until that needs the context no longer."""
        from fastbuild.commands.export_background import Work, packed

        journal = Journal.of(self.paths)
        work = Work(
            settings=self.settings,
            paths=self.paths,
            choice=self.found.choice,
            credentials=self.found.caches.credentials,
            request=second,
            dockerfile=self.plan.dockerfile,
            same_as=dict(bench.scanned),
            normal_home=bench.normal_home,
            side=self.insight.side if self.insight else None,
            entry=self._entry(second),
        )
        data = packed(work)
        lock = journal.begin(work.entry)
        try:
            _hand_over(data, journal.log(self.so_far.id), lock)
        finally:
            os.close(lock)
        early = journal.ended(self.so_far.id, time.monotonic())
        if early is not None and early.result == "failed":
            journal.forget(self.so_far.id)
            self.so_far.problems += early.problems
            for problem in early.problems:
                bench.on_event(Note(text=problem))
            return "failed"
        return "pending"


def _hand_over(data: bytes, log: Path, lock: int) -> None:
    """Start the process with its work and the journal's lock; returns when it no longer needs the context."""
    from fastbuild.process import Command, start_detached

    (taking, giving), (hearing, telling) = os.pipe(), os.pipe()
    try:
        argv = (sys.executable, "-m", "fastbuild.commands.export_background", f"{taking}", f"{telling}")
        start_detached(Command(argv=argv), log=log, pass_fds=(taking, telling, lock))
    except BaseException:
        os.close(giving)
        os.close(hearing)
        raise
    finally:
        # ours must go, or neither side would see the other's end
        os.close(taking)
        os.close(telling)
    with os.fdopen(hearing, "rb") as ended:
        with suppress(BrokenPipeError), os.fdopen(giving, "wb") as pipe:
            pipe.write(data)
        select.select([ended], [], [], HAND_OVER)


def _result(failed: bool) -> str:
    return "failed" if failed else "written"
