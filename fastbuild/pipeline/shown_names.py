"""Names of what several platforms share: BuildKit shows it under that of the platform that came first.

The platforms' graphs are loaded side by side (frontend/dockerui/build.go), and an operation keeps the name
that it was loaded with first (solver/jobs.go, `load`). So the name of a `COPY` behind `ARG TARGETARCH` in a
stage of the build platform, or of one in a stage from scratch, differs from build to build.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.pipeline.foresee import steps_of
from fastbuild.progress.rawjson import StepName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fastbuild.explain.reasons import Reason
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.keys.graph import Graph, Op
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.progress.timings import BuildTiming


def as_shown(foreseen: Foreseen, timing: BuildTiming) -> Foreseen:
    """The prediction with the names that a build showed, for the two to be compared."""
    shown = {step.name for step in timing.steps}
    ops = tuple(_as_shown(op, shown) for op in foreseen.graph.ops)
    if ops == foreseen.graph.ops:
        return foreseen
    graph = replace(foreseen.graph, ops=ops)
    return replace(foreseen, graph=graph, steps=tuple(steps_of(graph, foreseen.verdicts, foreseen.twins)))


def _as_shown(op: Op, shown: Collection[str]) -> Op:
    names = (op.name, *op.also)
    name = next((name for name in names if name in shown), op.name)
    return op if name == op.name else replace(op, name=name, also=tuple(n for n in names if n != name))


def steady(shown: SideFile, graph: Graph) -> SideFile:
    """A side file with the names that `graph` has before a build, the same in each: for it to be compared.

    `shown` is made of the same operations under the names that the build showed. A step's platform is that
    of its name, for a step of the build platform may be there once for each platform.
    """
    made = [op for op in graph.ops if op.kind != "source"]
    if not graph.other_finals and not any(op.also for op in made):
        return shown
    steps = []
    for step, op in zip(shown.steps, made, strict=True):
        head, bracket, _ = op.name.partition("] ")
        name = f"{head}{bracket}{step.name.partition('] ')[2]}" if bracket else step.name
        steps.append(replace(step, name=name, platform=StepName.parse(name).platform or step.platform))
    return replace(shown, steps=tuple(steps))


def reasons_as_shown(reasons: Sequence[Reason], steadied: SideFile, shown: SideFile) -> tuple[Reason, ...]:
    """Reasons about the steps of `steadied`, with the names that the build showed."""
    pairs = zip(steadied.steps, shown.steps, strict=True)
    names = {mine.name: theirs.name for mine, theirs in pairs if mine.name != theirs.name}
    return tuple(_reason_as_shown(reason, names) for reason in reasons)


def _reason_as_shown(reason: Reason, names: Mapping[str, str]) -> Reason:
    step = names.get(reason.step, reason.step)
    platform = StepName.parse(step).platform if step != reason.step else reason.platform
    return replace(reason, step=step, platform=platform, follows=names.get(reason.follows, reason.follows))
