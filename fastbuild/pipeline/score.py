"""A prediction beside the build that it foretold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastbuild.history import Score
from fastbuild.keys.match import Verdict
from fastbuild.progress.timings import FOUND, HITS, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.pipeline.foresee import ForeseenStep
    from fastbuild.progress.timings import BuildTiming, StepTiming

RAN = frozenset({Status.RAN, Status.FAILED, Status.CANCELLED})


def score(steps: Sequence[ForeseenStep], timing: BuildTiming) -> Score:
    """How many steps of a build went as foreseen; those that it did not reach are not counted, nor hits that
    it gave up: another step failed, or a later one was found while this one's result was being fetched.

    A step that BuildKit passed over because a later one was found went as foreseen whatever was foretold,
    unless it was said to be executed. Of twins one was to be executed, whichever; where they have one name,
    the build may show either.
    """
    foretold = {_place(step): step for step in steps}
    places = {_place_made(made): made.status for made in timing.steps}
    several = Counter(step.twins for step in steps)
    ran = {it.twins for it in steps if places.get(_place(it)) in RAN or several[it.twins] == 1} - {""}
    right, maybe, wrong = 0, 0, []
    for made in timing.steps:
        step = foretold.get(_place_made(made))
        if made.index == 0 or made.status in (Status.SOURCE, Status.NOT_REACHED, Status.UNKNOWN):
            continue
        if step is None:
            wrong.append(f"{_named(made)}: not foreseen, {made.status}")
        elif step.verdict is Verdict.HIT and made.status is Status.CANCELLED:
            continue
        elif step.verdict is Verdict.MAYBE:
            maybe += 1
        elif _is_right(step, made.status) or (step.twins in ran and made.status in FOUND):
            right += 1
        else:
            wrong.append(f"{_named(made)}: foreseen as {step.verdict}, but {made.status}")
    return Score(right=right, maybe=maybe, wrong=tuple(wrong))


def _place(step: ForeseenStep) -> tuple[str, str, int, str]:
    return step.name.platform, step.name.stage, step.name.index, step.name.instruction


def _place_made(step: StepTiming) -> tuple[str, str, int, str]:
    return step.platform, step.stage, step.index, step.instruction


def _is_right(step: ForeseenStep, status: Status) -> bool:
    if status is Status.SKIPPED:
        return not step.needed or step.verdict is Verdict.HIT
    return status in (HITS if step.verdict is Verdict.HIT else RAN)


def _named(step: StepTiming) -> str:
    return f"line {step.line}: {step.instruction}" if step.line else step.instruction
