"""What `fastbuild build` does, once flags and settings are known."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.commands import build_export, guards
from fastbuild.commands.build_state import Dirty, Found, Progress, step_lines_of
from fastbuild.context.staging import stage
from fastbuild.engines import detect
from fastbuild.errors import FastbuildError
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench
from fastbuild.pipeline.caches import choose_caches, read_origin
from fastbuild.pipeline.export import parted
from fastbuild.pipeline.export_journal import lost
from fastbuild.pipeline.run import build
from fastbuild.progress.events import Note
from fastbuild.reports import live
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.commands.build_insight import Insight
    from fastbuild.commands.build_skip import Skipping
    from fastbuild.config import Settings
    from fastbuild.engines.detect import Choice
    from fastbuild.history import BuildRecord
    from fastbuild.paths import Paths
    from fastbuild.pipeline.caches import Origin
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.pipeline.run import Outcome
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.reports.live import View
    from fastbuild.request import BuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One `fastbuild build`. `record` is a path or empty; `progress` as in --progress.

    `trace_reads`: build once more under strace, see `pipeline.trace_reads`.
    """

    settings: Settings
    paths: Paths
    environ: Mapping[str, str]
    workdir: Path
    record: str
    progress: str
    trace_reads: bool = False

    def run(self, asked: BuildRequest, notes: list[str]) -> int:
        """Build, finish, record and report; returns 0. Raises what `errors` names for all else."""
        started = time.time()
        so_far = Progress(folds=[], notes=notes, problems=[], started=started)
        for path in filter(None, (self.record, asked.iidfile, asked.metadata_file)):
            from fastbuild.files import check_writable

            check_writable(Path(path))
        found = self._look_around(asked, notes)
        error: FastbuildError | None = None
        view = live.view_for(self.progress, sys.stderr, self.environ, **_folding(found.origin, started))
        try:
            error = self._build(asked, found, so_far, view)
        except FastbuildError as raised:
            error = raised
        finally:
            view.close()
        from fastbuild.commands.build_record import keep

        record = self._show_steps(asked, found, so_far, error)
        keep(record, self.paths, path=self.record, quiet=self._is_silent(asked))
        if error is not None:
            raise error
        return 0

    def _show_steps(
        self, asked: BuildRequest, found: Found, so_far: Progress, error: FastbuildError | None
    ) -> BuildRecord:
        """The build's record as it is now; prints what was not printed yet of its steps and reasons."""
        from fastbuild.commands.build_record import make_record, show_steps

        record = make_record(asked, found, so_far, error)
        if not self._is_silent(asked):
            show_steps(record, self.environ, table=not so_far.shown, reasons=not so_far.told)
        so_far.shown, so_far.told = True, bool(record.reasons)
        return record

    def _is_silent(self, asked: BuildRequest) -> bool:
        return self.progress in ("quiet", "none", "rawjson") or asked.call != "build"

    def _look_around(self, asked: BuildRequest, notes: list[str]) -> Found:
        settings = self.settings
        staged = prepare.with_stages(stage(asked, sys.stdin.buffer, self.workdir))
        choice = detect.choose_for(asked, settings.engine, self.environ, self.paths)
        if self.trace_reads:
            self._require_tracing(choice)
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
        if settings.export == "off":
            request = parted(request, choice.name)[0]
        notes += [said for said in (note, _limits(choice)) if said]
        notes += lost(self.paths)
        if request.file and not is_remote(request.context):
            notes += guards.broken(self.paths, Path(request.file), Path(request.context))
        if choice.name == "buildctl" and caches.credentials and caches.credentials.typed:
            notes.append("cache: BUILDKIT_HOST uses its own AWS credentials, not those in the option")
        if caches.names and not caches.names.write:
            notes.append(f"cache: {caches.names.reason}")
        return Found(
            request=request,
            choice=choice,
            caches=caches,
            origin=origin,
            dirty=Dirty(origin.git.root if origin.git else None),
            lines=cache(lambda: step_lines_of(request)),
        )

    def _build(
        self, asked: BuildRequest, found: Found, so_far: Progress, view: View
    ) -> FastbuildError | None:
        settings = self.settings
        own = (asked.iidfile, asked.metadata_file)
        planned, note = build_export.plan(found.request, found.choice.name, settings.export, own)
        so_far.notes += [note] if note else []
        with prepare.ready(
            found.choice,
            found.request,
            self.workdir,
            self.paths,
            self.environ,
            **settings.private_engine,
            credentials=found.caches.credentials,
        ) as ready:
            so_far.engine_version = ready.version
            so_far.notes += ready.notes
            for note in so_far.notes:
                view.add(Note(text=note))
            from fastbuild.pipeline import finish

            skipping = self._skipping(found, ready, so_far, view)
            if skipping is not None and (image := skipping.use()):
                so_far.skipped, so_far.digest = image, self._deliver(asked, found, ready)
                so_far.image_seconds = so_far.seconds()
                return None
            insight = self._insight(found, ready)
            bench = self._bench(found, ready, so_far, view, insight)
            outcome = build(bench, planned.first, found.lines, strict=settings.cache_strict)
            answer = finish.read_answer(ready.job)
            if _is_check(asked) and outcome.returncode == 0 and found.choice.engine.NAME == "buildctl":
                # buildctl's check says nothing about a Dockerfile that does not parse
                outline = replace(found.request, call="outline")
                outcome = build(bench, outline, found.lines, strict=settings.cache_strict)
            so_far.timing = outcome.timing
            error = self._verdict(asked, outcome, answer, view)
            if error is None:
                so_far.digest = self._deliver(asked, found, ready)
                so_far.image_seconds = so_far.seconds()
                so_far.timing = self._sized(asked, found, ready, outcome.timing)
                if skipping is not None:
                    skipping.remember(finish.read_metadata(ready.job), so_far.id, found.origin.commit)
            if insight is not None:
                insight.tell(so_far, outcome.timing, exporting=error is None and bool(planned.how))
            if error is not None:
                return error
            if self.trace_reads:
                self._trace(bench, found, so_far, view)
            if not planned.how:
                return None
            view.close()
            self._show_steps(asked, found, so_far, None)
            return self._write_cache(found, bench, outcome, insight, so_far, planned)

    def _verdict(
        self, asked: BuildRequest, outcome: Outcome, answer: bytes, view: View
    ) -> FastbuildError | None:
        from fastbuild.commands.build_verdict import check_failure, failure

        for problem in outcome.cache_problems:
            if problem not in outcome.timing.notes:
                view.add(Note(text=problem))
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
        checked = check_failure(answer) if _is_check(asked) else None
        return checked or failure(outcome, strict=self.settings.cache_strict)

    def _write_cache(
        self,
        found: Found,
        bench: Bench,
        outcome: Outcome,
        insight: Insight | None,
        so_far: Progress,
        planned: build_export.Plan,
    ) -> FastbuildError | None:
        phase = build_export.Phase(
            settings=self.settings,
            paths=self.paths,
            environ=self.environ,
            found=found,
            bench=bench,
            outcome=outcome,
            insight=insight,
            so_far=so_far,
            plan=planned,
        )
        view = live.view_for(self.progress, sys.stderr, self.environ)
        try:
            return phase.run(view)
        finally:
            view.close()

    def _skipping(self, found: Found, ready: Ready, so_far: Progress, view: View) -> Skipping | None:
        if self.settings.skip != "auto" or self.trace_reads:
            return None
        from fastbuild.commands.build_skip import begin

        def say(text: str) -> None:
            so_far.notes.append(text)
            view.add(Note(text=text))

        return begin(found, ready, self.settings, self.paths, self.environ, say)

    def _sized(self, asked: BuildRequest, found: Found, ready: Ready, timing: BuildTiming) -> BuildTiming:
        from fastbuild.pipeline import layer_sizes

        if asked.call != "build":
            return timing
        ask = not self._is_silent(asked)
        place = layer_sizes.place_of(found.choice, ready, self.environ, ask=ask)
        return layer_sizes.with_sizes(timing, found.request, place)

    def _require_tracing(self, choice: Choice) -> str:
        from fastbuild.engines import traced

        traced.require_private(choice.name)
        return traced.require_strace(self.environ)

    def _trace(self, bench: Bench, found: Found, so_far: Progress, view: View) -> None:
        from fastbuild.pipeline import trace_reads

        tracer = trace_reads.Tracer(
            strace=self._require_tracing(found.choice),
            program=found.choice.program,
            paths=self.paths,
            environ=self.environ,
            config=self.settings.engine_config,
            allow=self.settings.engine_allow,
        )
        view.add(Note(text=trace_reads.TWICE))
        for sentence in trace_reads.trace_reads(tracer, bench, found.request, found.lines):
            so_far.notes.append(sentence)
            view.add(Note(text=sentence))

    def _insight(self, found: Found, ready: Ready) -> Insight | None:
        from fastbuild.commands.build_insight import begin

        settings = self.settings
        if not settings.explain:
            return None
        return begin(found, ready, self.paths, self.environ, self.workdir, keep_modes=settings.keep_modes)

    def _bench(
        self, found: Found, ready: Ready, so_far: Progress, view: View, insight: Insight | None
    ) -> Bench:
        def meanwhile() -> None:
            found.meanwhile()
            if insight is not None:
                insight.meanwhile()

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
            meanwhile=meanwhile,
            abandoned=ready.abandoned,
            folds=so_far.folds,
            problems=so_far.problems,
            normal_home=self._normal_home(found.choice),
            notes=so_far.notes,
            sent_modes=insight.sent_modes if insight else {},
        )

    def _normal_home(self, choice: Choice) -> Path | None:
        """Where contexts with git's modes are kept; None where they are to be sent as they are."""
        # these two make buildx look at the files beside the commit, and at the Dockerfile's place in the tree
        asks_git = any(self.environ.get(name) for name in ("BUILDX_GIT_CHECK_DIRTY", "BUILDX_GIT_LABELS"))
        if self.settings.keep_modes or (choice.name == "buildx" and asks_git):
            return None
        return self.paths.cache / "contexts"

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


def _is_check(asked: BuildRequest) -> bool:
    return asked.call.startswith(("check", "lint"))


def _limits(choice: Choice) -> str:
    if choice.name != "docker":
        return ""
    from fastbuild.engines.docker import LIMITS

    return LIMITS


def _folding(origin: Origin, now: float) -> dict[str, str]:
    group = origin.ci.log_group
    if group is None:
        return {}
    values = {"title": "fastbuild build", "id": f"fastbuild_{os.getpid()}", "time": int(now)}
    return {"opening": group.open.format(**values), "closing": group.close.format(**values)}
