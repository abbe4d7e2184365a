"""What `fastbuild build` does, once flags and settings are known."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import git
from fastbuild.context.staging import stage
from fastbuild.engines import detect
from fastbuild.errors import FastbuildError, Interrupted, UsageError
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench
from fastbuild.pipeline.caches import choose_caches, read_origin
from fastbuild.pipeline.run import build
from fastbuild.progress.events import Note
from fastbuild.reports import live
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.config import Settings
    from fastbuild.dockerfile.steps import StepLines
    from fastbuild.engines.detect import Choice
    from fastbuild.history import BuildRecord
    from fastbuild.paths import Paths
    from fastbuild.pipeline.caches import Caches, Origin
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.progress.timings import BuildTiming, Fold
    from fastbuild.reports.live import View
    from fastbuild.request import BuildRequest


DIRTY_WAIT = 0.1
"""Seconds that a finished build waits for git to say whether the work tree is clean."""


class Dirty:
    """Whether the work tree has changes, found out while the engine works: git needs long for large ones."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._answer: bool | None = None
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Begin to find out; only the first call does."""
        if self._thread is None and self._root is not None:
            self._thread = threading.Thread(target=self._ask, args=(self._root,), daemon=True)
            self._thread.start()

    def _ask(self, root: Path) -> None:
        self._answer = git.is_dirty(root)

    def known(self) -> bool | None:
        """The answer; None when there is none, or not within `DIRTY_WAIT`."""
        self.ask()
        if self._thread is not None:
            self._thread.join(DIRTY_WAIT)
        return self._answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a build stands on: the request as it will be built, the engine, the caches, the origin.

    `lines` tells where steps are in the Dockerfile.
    """

    request: BuildRequest
    choice: Choice
    caches: Caches
    origin: Origin
    dirty: Dirty
    lines: Callable[[], StepLines | None]

    def meanwhile(self) -> None:
        """Prepare what is needed after the build, while the engine works and a core is free."""
        self.dirty.ask()
        self.lines()
        import fastbuild.commands.build_verdict
        import fastbuild.history
        import fastbuild.pipeline.finish
        import fastbuild.reports.as_terminal  # noqa: F401


@dataclass(slots=True)
class Progress:
    """What is known of a build so far, also when it is interrupted."""

    folds: list[Fold]
    notes: list[str]
    problems: list[str]
    engine_version: str = ""
    timing: BuildTiming | None = None
    digest: str = ""

    def best_timing(self, lines: StepLines | None) -> BuildTiming:
        """The final timing, else that of the attempt that was stopped."""
        if self.timing is not None:
            return self.timing
        from fastbuild.progress.timings import BuildTiming

        return self.folds[-1].timing(lines, stopped=True) if self.folds else BuildTiming()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One `fastbuild build`. `record` is a path or empty; `progress` as in --progress."""

    settings: Settings
    paths: Paths
    environ: Mapping[str, str]
    workdir: Path
    record: str
    progress: str

    def run(self, asked: BuildRequest, notes: list[str]) -> int:
        """Build, finish, record and report; returns 0. Raises what `errors` names for all else."""
        started, clock = time.time(), time.monotonic()
        for path in filter(None, (self.record, asked.iidfile, asked.metadata_file)):
            from fastbuild.history import check_writable

            check_writable(Path(path))
        found = self._look_around(asked, notes)
        so_far = Progress(folds=[], notes=notes, problems=[])
        error: FastbuildError | None = None
        view = live.view_for(self.progress, sys.stderr, self.environ, **_folding(found.origin, started))
        try:
            error = self._build(asked, found, so_far, view)
        except FastbuildError as raised:
            error = raised
        finally:
            view.close()
        record = self._record(asked, found, so_far, error, started, time.monotonic() - clock)
        silent = self.progress in ("quiet", "none", "rawjson") or asked.call != "build"
        self._keep(record, quiet=silent)
        if error is not None:
            raise error
        return 0

    def _look_around(self, asked: BuildRequest, notes: list[str]) -> Found:
        settings = self.settings
        staged = prepare.with_stages(stage(asked, sys.stdin.buffer, self.workdir))
        choice = detect.choose(settings.engine, asked.builder, self.environ, self.paths)
        origin = read_origin(staged, self.environ)
        caches = choose_caches(
            staged,
            settings.cache if choice.name != "docker" else (),
            origin,
            self.environ,
            name=settings.name,
            mode=settings.cache_mode,
            strict=settings.cache_strict,
        )
        request, note = prepare.with_outputs(caches.request, choice, self.environ)
        notes += [said for said in (note, _limits(choice)) if said]
        if caches.names and not caches.names.write:
            notes.append(f"cache: {caches.names.reason}")
        return Found(
            request=request,
            choice=choice,
            caches=caches,
            origin=origin,
            dirty=Dirty(origin.git.root if origin.git else None),
            lines=cache(lambda: _lines(request)),
        )

    def _build(
        self, asked: BuildRequest, found: Found, so_far: Progress, view: View
    ) -> FastbuildError | None:
        settings = self.settings
        with prepare.ready(
            found.choice,
            found.request,
            self.workdir,
            self.paths,
            self.environ,
            config=settings.engine_config,
            idle=settings.engine_idle,
            allow=settings.engine_allow,
            credentials=found.caches.credentials,
        ) as ready:
            so_far.engine_version = ready.version
            so_far.notes += ready.notes
            for note in so_far.notes:
                view.add(Note(text=note))
            from fastbuild.pipeline import finish

            bench = self._bench(found, ready, so_far, view)
            outcome = build(bench, found.request, found.lines, strict=settings.cache_strict)
            answer = finish.read_answer(ready.job)
            is_check = asked.call.startswith(("check", "lint"))
            if is_check and outcome.returncode == 0 and found.choice.engine.NAME == "buildctl":
                # buildctl's check says nothing about a Dockerfile that does not parse
                outline = replace(found.request, call="outline")
                outcome = build(bench, outline, found.lines, strict=settings.cache_strict)
        so_far.timing = outcome.timing
        for problem in outcome.cache_problems:
            if problem not in outcome.timing.notes:
                view.add(Note(text=problem))
        from fastbuild.commands.build_verdict import check_failure, failure

        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
        checked = check_failure(answer) if is_check else None
        error = checked or failure(outcome, strict=settings.cache_strict)
        if error is None:
            so_far.digest = self._deliver(asked, found, ready)
        return error

    def _bench(self, found: Found, ready: Ready, so_far: Progress, view: View) -> Bench:
        return Bench(
            engine=found.choice.engine,
            job=ready.job,
            daemon=ready.daemon,
            client=prepare.client_id(self.paths),
            copies_home=self.paths.state / "copies",
            cache_timeout=self.settings.cache_timeout,
            store_was_empty=ready.store_was_empty,
            on_event=view.add,
            on_line=view.add_raw,
            unblock=ready.unblock,
            meanwhile=found.meanwhile,
            abandoned=ready.abandoned,
            folds=so_far.folds,
            problems=so_far.problems,
        )

    def _deliver(self, asked: BuildRequest, found: Found, ready: Ready) -> str:
        """Load, write and print what was asked for; returns the image's digest."""
        from fastbuild.pipeline import finish

        metadata = finish.read_metadata(ready.job)
        image = finish.image_id(metadata)
        if found.request.load and found.choice.engine.NAME == "buildctl":
            image = finish.load_image(ready.job.image_archive, self.environ) or image
        if asked.iidfile:
            finish.write_beside(asked.iidfile, image)
        if asked.metadata_file:
            finish.write_metadata(asked.metadata_file, metadata)
        if asked.quiet and image:
            sys.stdout.write(image + "\n")
        return str(metadata.get("containerimage.digest") or image)

    def _record(
        self,
        asked: BuildRequest,
        found: Found,
        so_far: Progress,
        error: FastbuildError | None,
        started: float,
        seconds: float,
    ) -> BuildRecord:
        from fastbuild.history import BuildRecord, new_id, utc
        from fastbuild.progress.masking import masked, secret_values

        request, facts, ci = found.request, found.origin.git, found.origin.ci
        result = "ok" if error is None else "cancelled" if isinstance(error, Interrupted) else "failed"
        urls = (asked.context, asked.file or "", *(source for _, source in asked.build_contexts))
        secret = secret_values(asked.build_args, urls)
        return BuildRecord(
            id=new_id(started),
            started=utc(started),
            seconds=seconds,
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
            commit=(facts.sha if facts else None) or ci.sha or "",
            branch=ci.branch or (facts.branch if facts else None) or "",
            dirty=found.dirty.known(),
            provider=ci.provider,
            digest=so_far.digest,
            timing=masked(so_far.best_timing(found.lines()), secret),
            notes=masked((*so_far.notes, *so_far.problems), secret),
        )

    def _keep(self, record: BuildRecord, *, quiet: bool) -> None:
        """Store the record, print the table; only a --record that can't be written is an error."""
        from fastbuild.history import History, write_record
        from fastbuild.reports import as_terminal, words

        if not quiet:
            width = shutil.get_terminal_size((100, 24)).columns
            colour = sys.stderr.isatty() and not self.environ.get("NO_COLOR")
            report = f"{as_terminal.step_table(record, width, colour)}\n{as_terminal.summary_line(record)}\n"
            _say(words.encodable(report, sys.stderr.encoding))
        try:
            History(self.paths.ensure().history).add(record)
        except UsageError as unwritable:
            _say(f"fastbuild: this build is not in the history: {unwritable.what}\n")
        if self.record:
            write_record(Path(self.record), record)


def _say(text: str) -> None:
    """To standard error, which may be gone: that fails no build."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _limits(choice: Choice) -> str:
    if choice.name != "docker":
        return ""
    from fastbuild.engines.docker import LIMITS

    return LIMITS


def _lines(request: BuildRequest) -> StepLines | None:
    """Where steps are in the Dockerfile; None when it is not here or does not parse (the engine says why)."""
    if is_remote(request.context) or not request.file:
        return None
    from fastbuild.dockerfile.steps import step_lines

    try:
        return step_lines(Path(request.file).read_text(encoding="utf-8", errors="replace"))
    except (OSError, FastbuildError):
        return None


def _folding(origin: Origin, now: float) -> dict[str, str]:
    group = origin.ci.log_group
    if group is None:
        return {}
    values = {"title": "fastbuild build", "id": f"fastbuild_{os.getpid()}", "time": int(now)}
    return {"opening": group.open.format(**values), "closing": group.close.format(**values)}
