"""`build --trace-reads`: after the build, build once more under strace and keep what each RUN read.

The result that the user gets is never one that was traced: strace slows programs down, keeps setuid
programs from working in RUNs of root, and forbids ptrace. So a RUN that fails only when traced costs its
evidence, nothing else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines import daemon, traced
from fastbuild.errors import FastbuildError, Interrupted
from fastbuild.pipeline.attempt import attempt
from fastbuild.pipeline.prepare import private_settings
from fastbuild.pipeline.run import last_line
from fastbuild.progress.timings import Status
from fastbuild.request import is_remote
from fastbuild.tracing import store
from fastbuild.tracing.chains import chains
from fastbuild.tracing.evidence import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fastbuild.dockerfile.steps import StepLines
    from fastbuild.engines.daemon_settings import DaemonSettings
    from fastbuild.engines.traced import Tracing
    from fastbuild.paths import Paths
    from fastbuild.pipeline.attempt import Attempt, Bench
    from fastbuild.progress.timings import BuildTiming, StepTiming
    from fastbuild.request import BuildRequest
    from fastbuild.tracing.chains import Chain
    from fastbuild.tracing.evidence import Container
    from fastbuild.tracing.reads import RunReads

TWICE = "reads: building once more, in the tracing engine"
PATIENCE = 60.0
"""Seconds that a traced build may take, beside `SLOWDOWN` times those of the ordinary build."""
SLOWDOWN = 30.0
LONGEST = 3600.0
"""Seconds that it may take where the ordinary build did not execute all steps itself."""
_NOT_RUN = "was not executed: the tracing engine has its result (--no-cache executes all)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracer:
    """What tracing needs to know of this machine and user. `program` begins buildctl's command line."""

    strace: str
    program: tuple[str, ...]
    paths: Paths
    environ: Mapping[str, str]
    config: str
    allow: tuple[str, ...]


def trace_reads(
    tracer: Tracer, bench: Bench, request: BuildRequest, lines: Callable[[], StepLines | None]
) -> list[str]:
    """Trace the build that `bench` has just made; returns sentences about each RUN without evidence.

    Raises only Interrupted: the build is done, and whatever goes wrong here is a sentence.
    """
    if is_remote(request.context) or not request.file:
        return ["reads: not traced, for the Dockerfile is not on this machine"]
    try:
        return _trace(tracer, bench, request, lines)
    except Interrupted:
        raise
    except (FastbuildError, OSError, ValueError) as error:
        return [f"reads: not traced: {last_line(str(error))}"]


def _trace(
    tracer: Tracer, bench: Bench, request: BuildRequest, lines: Callable[[], StepLines | None]
) -> list[str]:
    plain = private_settings(tracer.paths, tracer.environ, config=tracer.config, allow=tracer.allow)
    settings = traced.settings_for(plain, tracer.strace, tracer.environ)
    bench = replace(bench, patience=_patience(bench.folds[-1].timing(lines())))
    stuck, said = _try(tracer, bench, request, lines, settings)
    if stuck:  # strace and the runtime together hang now and then
        _, said = _try(tracer, bench, request, lines, settings)
    return said


def _try(
    tracer: Tracer,
    bench: Bench,
    request: BuildRequest,
    lines: Callable[[], StepLines | None],
    settings: DaemonSettings,
) -> tuple[bool, list[str]]:
    """One traced build in an engine of its own: whether it got stuck, and the sentences."""
    running = daemon.ensure_running(settings, tracer.environ)
    try:
        with traced.tracing(settings) as tracing:
            buildctl = (*tracer.program, "--addr", running.address)
            own = _bench(bench, buildctl, tracing, f"private\0{settings.root}")
            # a RUN found in a cache would leave no trace
            made = attempt(own, request.without_results())
            timing = made.fold.timing(lines())
            problem = _problem(made, timing, own.patience)
            ref = Path(own.job.workdir, "ref")
            found = traced.containers(tracing)
            spans = traced.vertices(buildctl, ref.read_text().strip()) if found and ref.exists() else {}
            by_vertex: dict[str, list[Container]] = {}
            for container in found:
                by_vertex.setdefault(spans.get(container.span, ""), []).append(container)
            return bool(made.stuck), _keep(tracer.paths, request, timing, by_vertex, problem)
    finally:
        if running.lease.alone():
            daemon.stop(settings)
        running.lease.release()


def _patience(before: BuildTiming) -> float:
    """Seconds after which a traced build has got stuck; `before` is the ordinary one."""
    counts = before.counts()
    return PATIENCE + SLOWDOWN * before.seconds if counts.ran == counts.steps else LONGEST


def _problem(made: Attempt, timing: BuildTiming, patience: float) -> str:
    if made.stuck:
        return f"stopped there, for it took longer than {patience:.0f} seconds"
    return f"the build failed there: {last_line(timing.text)}" if made.returncode else ""


def _bench(bench: Bench, buildctl: tuple[str, ...], tracing: Tracing, name: str) -> Bench:
    workdir = Path(bench.job.workdir, "traced")
    workdir.mkdir(exist_ok=True)
    job = replace(
        bench.job,
        program=buildctl,
        workdir=str(workdir),
        default_provenance=False,
        env=(*bench.job.env, ("TRACEPARENT", tracing.parent)),
    )
    return replace(
        bench,
        job=job,
        daemon=name,
        on_event=lambda _: None,
        on_line=lambda _: None,
        meanwhile=lambda: None,
        unblock=lambda: None,
        abandoned=lambda: None,
        folds=[],
        problems=[],
    )


def _keep(
    paths: Paths,
    request: BuildRequest,
    timing: BuildTiming,
    traces: Mapping[str, list[Container]],
    problem: str,
) -> list[str]:
    """Judge and store; what could not be kept is told."""
    text = Path(str(request.file)).read_text(encoding="utf-8", errors="surrogateescape")
    names = names_below(request.context, *(source for _, source in request.build_contexts))
    runs = list(_runs(timing, text, dict(request.build_args)))
    said, kept = [], 0
    for step, chain in runs:
        found = traces.get(step.id, [])
        key = store.chain_key(chain.texts)
        reads = judge(found[0], step.id, chain, names) if len(found) == 1 else None
        if reads is not None and reads.complete:
            store.save(paths, key, reads)
            kept += 1
            continue
        if step.status is not Status.RAN and store.load(paths, key) is not None:
            kept += 1  # from an earlier trace
            continue
        said.append(f"reads: line {chain.line}: {_why(step, reads, len(found))}")
    first = f"reads: evidence for {kept} of {len(runs)} RUN steps"
    return [first, *([f"reads: {problem}"] if problem else []), *said]


def _runs(
    timing: BuildTiming, text: str, build_args: Mapping[str, str | None]
) -> Iterable[tuple[StepTiming, Chain]]:
    for step in timing.steps:
        chain = chains(text, build_args, step.platform).get(step.line or 0)
        if chain is not None:
            yield step, chain


def _why(step: StepTiming, reads: RunReads | None, traces: int) -> str:
    if reads is not None:
        return f"no evidence, for {reads.reason}"
    if step.status is Status.RAN:
        return "its trace is ambiguous" if traces else "its trace could not be matched"
    if step.status in (Status.FAILED, Status.CANCELLED, Status.NOT_REACHED):
        return "did not end well"
    return _NOT_RUN


def names_below(*folders: str) -> frozenset[str]:
    """The names of all files and directories below local directories; others are skipped."""
    found = set[str]()
    for folder in folders:
        for _, folders_here, files in os.walk(folder):
            found.update(folders_here, files)
    return frozenset(found)
