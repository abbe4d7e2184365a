"""A Dockerfile's steps as promises speak of them: operations by instruction, with line, text and seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fastbuild.progress.rawjson import StepKind, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fastbuild.dockerfile.model import Dockerfile, Instruction, Stage
    from fastbuild.explain.contracts import Place, Rerun, State, Taken
    from fastbuild.keys.graph import Op

SHOWN = 60
"""Characters of an instruction in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the build. `instruction` is the engine's text, `source` the Dockerfile's.

    `start` and `end` are its lines, 0 where they are not known; `ops` the digests of its operations.
    """

    instruction: str
    source: str
    stage: str
    start: int
    end: int
    ops: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`` `RUN make` (line 4) ``, or without the line where that is not known."""
        text = " ".join((self.source.partition("\n")[0] or self.instruction).split())
        text = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
        return f"`{text}`{f' (line {self.start})' if self.start else ''}"


@dataclass(frozen=True)
class Project:
    """A build as it is now: its graph and keys, what it takes of the context, its Dockerfile.

    `seconds` are what instructions took when they ran, by their first line; `exists` tells whether any file
    of the context folder, also one that the ignore file leaves out, passes a test.
    """

    state: State
    taken: Taken
    dockerfile: Dockerfile
    seconds: Mapping[int, float]
    exists: Callable[[Callable[[str], bool]], bool]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The numbered steps in build order, those of several platforms one by one."""
        return steps(self.state, self.dockerfile)

    def step_of(self, op: Op) -> Step:
        """The step that an operation belongs to; one of its own for a source."""
        found = next((step for step in self.steps if op.digest in step.ops), None)
        return found or _step([op], self.dockerfile)

    def stage_at(self, line: int) -> Stage | None:
        """The stage of the Dockerfile that a line is in."""
        before = [stage for stage in self.dockerfile.stages if stage.start.start <= line]
        return before[-1] if before else None

    def places(self, files: frozenset[str]) -> frozenset[Place]:
        """The inputs in which one of the files counts."""
        return frozenset(p for p, counted in self.taken.files.items() if not files.isdisjoint(counted))


def steps(state: State, dockerfile: Dockerfile) -> tuple[Step, ...]:
    """The numbered steps of a graph: RUN, COPY, ADD, WORKDIR."""
    groups: dict[tuple[object, ...], list[Op]] = {}
    for op in state.graph.ops:
        name = StepName.parse(op.name)
        # a LINK only joins layers: that it is done again costs next to nothing
        if name.index and name.kind is StepKind.STEP:
            key = (name.platform, name.stage, name.index, name.total, name.instruction)
            groups.setdefault(key, []).append(op)
    return tuple(_step(ops, dockerfile) for ops in groups.values())


def rerun_of(step: Step, found: Mapping[str, Rerun]) -> Rerun | None:
    """Whether one of a step's operations runs again; one that surely does comes first."""
    reruns = [found[digest] for digest in step.ops if digest in found]
    return min(reruns, key=lambda rerun: not rerun.certain, default=None)


def _step(ops: Iterable[Op], dockerfile: Dockerfile) -> Step:
    ops = tuple(ops)
    name = StepName.parse(ops[0].name)
    lines = sorted(span for op in ops for span in op.lines)
    instruction = _instruction(dockerfile, lines[0][0]) if lines else None
    return Step(
        instruction=name.instruction,
        source=instruction.text if instruction and not name.onbuild else "",
        stage=name.stage,
        start=instruction.start if instruction else 0,
        end=instruction.end if instruction else 0,
        ops=tuple(op.digest for op in ops),
    )


def _instruction(dockerfile: Dockerfile, line: int) -> Instruction | None:
    return next((each for each in dockerfile.instructions if each.start <= line <= each.end), None)
