"""The second phase of a build: the image is there, now its cache is written.

The finished build is solved again without its outputs. Every step is found, so that nothing but the export is
left to do, and layers that the image's outputs have compressed are written as they are. BuildKit keys what it
exports by content: so a directory that has changed in between would be built, and written under a name that
promises another commit. Hence the directories must be as they were, and a solve that runs a step is stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.context.staging import is_directory
from fastbuild.pipeline.attempt import ContextChanged, attempt, ignore_rules
from fastbuild.pipeline.run import cache_errors, last_line
from fastbuild.progress.events import Log, Note, Vertex
from fastbuild.progress.rawjson import StepKind, StepName
from fastbuild.request import Output, is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fastbuild.pipeline.attempt import Attempt, Bench
    from fastbuild.pipeline.run import Outcome
    from fastbuild.progress.events import Event
    from fastbuild.progress.timings import BuildTiming, OtherTiming
    from fastbuild.request import BuildRequest

UNAFFECTED = "the image is not affected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of writing caches: the engine's lines about it, and a sentence for each problem."""

    others: tuple[OtherTiming, ...] = ()
    problems: tuple[str, ...] = ()


def parted(request: BuildRequest, engine: str) -> tuple[BuildRequest, BuildRequest | None]:
    """The build without the caches that can be written later, and that later solve; None where there is none.

    `engine` is a choice's name. The plain docker engine has no second solve, an inline cache is in the image.
    """
    later = tuple(spec for spec in request.cache_to if spec.type != "inline")
    if engine == "docker" or request.call != "build" or not later:
        return request, None
    first = replace(request, cache_to=tuple(spec for spec in request.cache_to if spec.type == "inline"))
    second = replace(
        request,
        cache_to=later,
        # without any output buildx would leave an image in the docker engine
        outputs=(Output("cacheonly"),) if engine == "buildx" else (),
        tags=(),
        push=False,
        load=False,
        annotations=(),
        # what was built in spite of a cache is found now
        no_cache=False,
        no_cache_filter=(),
        iidfile="",
        metadata_file="",
    )
    return first, second


def written_into_context(request: BuildRequest, files: Iterable[str]) -> str:
    """The first of the build's own results that lands in a directory that it sends; empty if none does.

    Such a build changes its own context, so that a second solve would not find its steps. `files` are results
    beside the request's outputs.
    """
    dests = [output.get("dest") for output in request.outputs]
    results = [Path(name).resolve() for name in (*files, *dests) if name not in ("", "-")]
    folders = [] if is_remote(request.context) else [request.context]
    folders += [source for _, source in request.build_contexts if is_directory(source)]
    for folder in folders:
        root, ignore = Path(folder).resolve(), ignore_rules(request, Path(folder))
        for result in results:
            inside = root in result.parents and not ignore.ignores(str(result.relative_to(root)))
            if result == root or inside:
                return str(result)
    return ""


def dockerfile_of(request: BuildRequest) -> bytes | None:
    """The Dockerfile's text as it is now; None where the engine fetches it, or it is gone."""
    try:
        return Path(request.file).read_bytes() if request.file and not is_remote(request.file) else None
    except OSError:
        return None


def after(second: BuildRequest, outcome: Outcome) -> BuildRequest:
    """The later solve of a build that ended in `outcome`; it reads caches if results may lie there alone."""
    from fastbuild.progress.timings import FOUND

    imports = [other for other in outcome.timing.others if other.kind is StepKind.CACHE_IMPORT]
    unread = bool(imports) and all(other.error for other in imports)
    found = any(step.status in FOUND for step in outcome.timing.steps)
    return replace(second, cache_from=outcome.cache_from if found and not unread else ())


def export(
    bench: Bench, request: BuildRequest, dockerfile: bytes | None, on_begin: Callable[[], None] = lambda: None
) -> Exported:
    """Write the caches of `request`, a `parted` build; `bench` holds the directories' states in `same_as`.

    `dockerfile` is its text when the build began. Calls `on_begin` when all steps were found and the context
    is no longer needed. No problem is raised: an image is there.
    """
    if dockerfile_of(request) != dockerfile:
        return _refused(bench, "the Dockerfile has changed since the build began")
    listener = _Listener(bench, on_begin)
    try:
        made = attempt(
            replace(bench, folds=[], meanwhile=lambda: None, on_event=listener.event, on_line=listener.line),
            request,
        )
    except ContextChanged as changed:
        return _refused(bench, f"{changed.args[0]} has changed since the build began")
    except _StepRan as ran:
        return _refused(bench, f"`{ran.args[0]}` would run again")
    timing = made.fold.timing(succeeded=made.returncode == 0)
    others = tuple(other for other in timing.others if other.kind is StepKind.CACHE_EXPORT)
    problems = tuple(_problems(made, replace(timing, others=others)))
    for problem in problems:
        bench.on_event(Note(text=problem))
    if made.stuck:
        bench.unblock()
    return Exported(others=others, problems=problems)


def _problems(made: Attempt, timing: BuildTiming) -> Iterator[str]:
    if made.stuck:
        yield f"cache: writing it moved next to nothing within the time limit: {UNAFFECTED}"
        return
    said = cache_errors(timing)
    yield from said
    if made.returncode != 0 and not said:
        yield f"cache: writing it failed ({last_line(timing.text)}): {UNAFFECTED}"


def _refused(bench: Bench, why: str) -> Exported:
    problem = f"cache: not written: {why}"
    bench.on_event(Note(text=problem))
    return Exported(problems=(problem,))


class _StepRan(Exception):
    """The later solve did not find the step `args[0]`."""


class _Listener:
    """Shows the lines about the export alone, for the steps were shown; stops a solve that runs a step."""

    def __init__(self, bench: Bench, on_begin: Callable[[], None]) -> None:
        self._bench = bench
        self._on_begin = on_begin
        self._steps: dict[str, str] = {}
        self._exports: set[str] = set()
        self._line = b""

    def line(self, line: bytes) -> None:
        self._line = line

    def event(self, event: Event) -> None:
        if isinstance(event, Vertex):
            self._vertex(event)
        elif isinstance(event, Log) and event.step in self._steps:
            raise _StepRan(self._steps[event.step])
        if getattr(event, "step", getattr(event, "id", "")) in self._exports:
            self._bench.on_event(event)
            if self._line:
                self._bench.on_line(self._line)
            self._line = b""

    def _vertex(self, event: Vertex) -> None:
        name = StepName.parse(event.name)
        if name.kind is StepKind.STEP:
            self._steps[event.id] = name.instruction
            # a step of several platforms that was found for another one is cancelled, which is an error
            if event.completed is not None and not event.cached and not event.error:
                raise _StepRan(name.instruction)
        elif name.kind is StepKind.CACHE_EXPORT and event.started is not None:
            if not self._exports:
                self._on_begin()
            self._exports.add(event.id)
