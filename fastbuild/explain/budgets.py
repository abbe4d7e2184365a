"""Budgets of changes: what the dearest single file of a class costs when it changes.

The price is the sum of the recorded seconds of all steps that run again, those of which only building can
tell among them. Stages that run side by side make a build shorter than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Cost, Finding, Level
from fastbuild.explain.contracts import reruns
from fastbuild.explain.project import rerun_of
from fastbuild.explain.promised import Judgement, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.explain.contracts import Place
    from fastbuild.explain.project import Project, Step

EXCEEDED = "budget-exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What runs again after a change of `file`, and the recorded seconds of that.

    `perhaps` are the seconds among them of which only building can tell; `unmeasured` counts RUN, COPY and
    ADD steps that no recorded build has run.
    """

    file: str
    seconds: float = 0.0
    perhaps: float = 0.0
    unmeasured: int = 0
    dearest: Step | None = None
    dearest_seconds: float = 0.0


def judge_change(project: Project, kind: str, limit: float, belongs: Callable[[str], bool]) -> Judgement:
    """Whether every change of one file of a class stays within `limit` seconds."""
    price = max(_prices(project, belongs), key=lambda p: (p.seconds, p.unmeasured), default=None)
    name = f"{kind}_change"
    if price is None:
        said = f"budget {name}: kept (no {kind} file reaches the build)"
        return Judgement(kind="budget", name=name, status=Status.KEPT, said=said)
    unknown = f", {price.unmeasured} never measured" if price.unmeasured else ""
    said = f"about {price.seconds:.1f} s of {limit:g} s after a change of {price.file}{unknown}"
    status = Status.UNKNOWN if price.unmeasured else Status.KEPT
    if price.seconds > limit:
        status = Status.BROKEN
    return Judgement(
        kind="budget",
        name=name,
        status=status,
        said=f"budget {name}: {status} ({said})",
        findings=(_exceeded(name, limit, price),) if status is Status.BROKEN else (),
        example=price.file,
    )


def _prices(project: Project, belongs: Callable[[str], bool]) -> list[Price]:
    """One for each set of inputs that files of the class count in."""
    where: dict[str, list[Place]] = {}
    for place, files in project.taken.files.items():
        for path in files:
            where.setdefault(path, []).append(place)
    first: dict[frozenset[Place], str] = {}
    for path in sorted(filter(belongs, where)):
        first.setdefault(frozenset(where[path]), path)
    return [_price(project, file, places) for places, file in first.items()]


def _price(project: Project, file: str, places: frozenset[Place]) -> Price:
    found = reruns(project.state, project.state.with_changed(places))
    priced: list[tuple[float, Step]] = []
    perhaps, unmeasured = 0.0, 0
    for step in project.steps:
        rerun = rerun_of(step, found)
        if rerun is None:
            continue
        seconds = _seconds_of(project.seconds, step)
        if seconds is None:
            unmeasured += 1
            continue
        priced.append((seconds, step))
        perhaps += 0.0 if rerun.certain else seconds
    dearest = max(priced, key=lambda pair: pair[0], default=None)
    return Price(
        file=file,
        seconds=sum(seconds for seconds, _ in priced),
        perhaps=perhaps,
        unmeasured=unmeasured,
        dearest=dearest[1] if dearest else None,
        dearest_seconds=dearest[0] if dearest else 0.0,
    )


def _seconds_of(seconds: Mapping[int, float], step: Step) -> float | None:
    """A WORKDIR costs nothing that counts, and is never recorded by its text."""
    if step.instruction.upper().startswith("WORKDIR"):
        return 0.0
    return seconds.get(step.start)


def _exceeded(name: str, limit: float, price: Price) -> Finding:
    perhaps = f", {price.perhaps:.1f} s of it only if what stages make changes, too" if price.perhaps else ""
    dearest = price.dearest
    most = f"; most of it is {dearest.words} with {price.dearest_seconds:.1f} s" if dearest else ""
    return Finding(
        code=EXCEEDED,
        level=Level.ERROR,
        message=f"budget {name} is exceeded: changing {price.file} runs steps again that took "
        f"{price.seconds:.1f} s of {limit:g} s{perhaps}{most}",
        start=dearest.start if dearest else 0,
        end=dearest.end if dearest else 0,
        hint="fastbuild reorder finds an order that runs less again",
        cost=Cost(seconds=price.seconds, measured=True),
    )
