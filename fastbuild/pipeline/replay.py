"""A history as builds: for each commit the graph of its Dockerfile's text and the contents of its inputs.

The engine's frontend is asked once for each distinct text; files come from git's objects. Local directories
other than the context are taken as they are now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.context.staging import is_directory
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.errors import BuildFailed, DockerfileSyntax, FastbuildError, UsageError
from fastbuild.explain.perfect_cache import Build, pinned
from fastbuild.explain.replay import Instruction, Moment
from fastbuild.pipeline.ask_graph import graph_text
from fastbuild.pipeline.foresee import by_instruction, contents_of, graph_and_keys, hashed
from fastbuild.progress.rawjson import StepKind, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.engines.api import Job
    from fastbuild.keys.content import Files
    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey
    from fastbuild.paths import Paths
    from fastbuild.pipeline.replay_trees import Context, History
    from fastbuild.request import BuildRequest

Seconds = tuple[float, bool]
"""Seconds of a step, and whether they were measured."""
RUN_SECONDS, OTHER_SECONDS = 2.3, 0.3
"""For a step whose line is not known (triggers of a base image): as `analysis.estimates` for any command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One Dockerfile to replay. `text` is None where each commit's own counts; `path` is its place from the
    repository's root, or empty. `cloned`: git's own directory is there, as after `git clone`."""

    name: str
    text: bytes | None
    path: str
    cloned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The graph of one text."""

    graph: Graph
    keys: Mapping[str, OpKey | None]
    instructions: tuple[Instruction, ...]


class Plans:
    """Graphs by text. `seconds` gives what is known of a Dockerfile's steps, by line."""

    def __init__(
        self,
        job: Job,
        request: BuildRequest,
        folder: Path,
        seconds: Callable[[Dockerfile], Mapping[int, Seconds]],
    ) -> None:
        self._job = job
        self._request = request
        self._folder = folder
        self._seconds = seconds
        self._known: dict[bytes, Plan | str] = {}

    def __len__(self) -> int:
        """How many texts the engine was asked about."""
        return len(self._known)

    def plan(self, text: bytes) -> Plan | str:
        """The plan of a text, or why there is none. Raises EngineError where the engine can't tell."""
        known = self._known.get(text)
        if known is None:
            try:
                known = self._ask(text)
            except (BuildFailed, DockerfileSyntax, UsageError) as error:
                known = _said(error)
            self._known[text] = known
        return known

    def _ask(self, text: bytes) -> Plan:
        dockerfile = parse(decode(text))
        file = self._folder / f"plan-{len(self._known)}" / "Dockerfile"
        empty = file.parent / "context"
        empty.mkdir(parents=True)
        file.write_bytes(text)
        asked = replace(self._request, context=str(empty), file=str(file))
        graph, keys = graph_and_keys(graph_text(self._job, asked))
        seconds = self._seconds(dockerfile)
        steps = [_instruction(ops, seconds) for ops in by_instruction(graph)]
        return Plan(graph=graph, keys=pinned(graph, keys), instructions=tuple(filter(None, steps)))


def moments(
    history: History, variant: Variant, plans: Plans, others: Mapping[str, Files], numbers: Sequence[int]
) -> Iterator[Moment | str]:
    """The builds of the commits of those numbers with one Dockerfile; a text where a commit can't be built.

    `others` are the files of named contexts.
    """
    before: tuple[Context, Plan, Build] | None = None
    for number in numbers:
        made = _moment(history, variant, plans, others, number, before)
        if isinstance(made, str):
            yield made
            continue
        moment, before = made
        yield moment


def _moment(
    history: History,
    variant: Variant,
    plans: Plans,
    others: Mapping[str, Files],
    number: int,
    before: tuple[Context, Plan, Build] | None,
) -> tuple[Moment, tuple[Context, Plan, Build]] | str:
    text = variant.text if variant.text is not None else history.file(number, variant.path)
    if text is None:
        return f"there is no {variant.path} in this commit"
    plan = plans.plan(text)
    if isinstance(plan, str):
        return plan
    try:
        context = history.context(number, variant.path, variant.text, cloned=variant.cloned)
    except UsageError as error:
        return _said(error)
    if isinstance(context, str):
        return context
    same = before is not None and before[1] is plan and before[0].id == context.id
    if before is not None and same and before[0].rules is context.rules:
        build = before[2]
    else:
        contents = contents_of(plan.graph, plan.keys, {**others, "context": context.files})
        build = Build(graph=plan.graph, keys=plan.keys, contents=contents)
    changed = history.changed(before[0], context) if before is not None else ()
    moment = Moment(build=build, instructions=plan.instructions, changed=changed)
    return moment, (context, plan, build)


def named_trees(request: BuildRequest, paths: Paths, *, keep_modes: bool) -> dict[str, Files]:
    """The files of the build's named contexts that are directories here, as they are now."""
    found: dict[str, Files] = {}
    for name, source in request.build_contexts:
        if is_directory(source):
            found[name] = hashed(Path(source), request, paths, keep_modes=keep_modes)
    return found


def _instruction(ops: Sequence[Op], seconds: Mapping[int, Seconds]) -> Instruction | None:
    name = StepName.parse(ops[0].name)
    if name.kind in (StepKind.FROM, StepKind.SOURCE) or not name.index:
        return None
    lines = {op.lines[0][0] for op in ops if op.lines}
    line = min(lines) if lines else None
    is_run = name.instruction.startswith("RUN")
    spent, measured = seconds.get(line or 0, (RUN_SECONDS if is_run else OTHER_SECONDS, False))
    return Instruction(
        text=name.instruction,
        place=(name.platform, name.stage, name.index),
        line=line,
        ops=tuple(op.digest for op in ops),
        seconds=spent,
        measured=measured,
    )


def _said(error: FastbuildError) -> str:
    """The last line of an error's own words: where it is and what it is."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).removeprefix("error: ")
