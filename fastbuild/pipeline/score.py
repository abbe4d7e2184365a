"""A prediction beside the build that it foretold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.history import Score
from fastbuild.keys.match import Verdict
from fastbuild.progress.timings import HITS, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.pipeline.foresee import ForeseenStep
    from fastbuild.progress.timings import BuildTiming, StepTiming

RAN = frozenset({Status.RAN, Status.FAILED, Status.CANCELLED})


def score(steps: Sequence[ForeseenStep], timing: BuildTiming) -> Score:
    """How many steps of a build went as foreseen; those that it did not reach are not counted.

    A step that BuildKit passed over because a later one was found went as foreseen whatever was foretold,
    unless it was said to be executed.
    """
    foretold = {_place(step): step for step in steps}
    right, maybe, wrong = 0, 0, []
    for made in timing.steps:
        step = foretold.get((made.platform, made.stage, made.index, made.instruction))
        if made.index == 0 or made.status in (Status.SOURCE, Status.NOT_REACHED, Status.UNKNOWN):
            continue
        if step is None:
            wrong.append(f"{_named(made)}: not foreseen, {made.status}")
        elif step.verdict is Verdict.MAYBE:
            maybe += 1
        elif _is_right(step, made.status):
            right += 1
        else:
            wrong.append(f"{_named(made)}: foreseen as {step.verdict}, but {made.status}")
    return Score(right=right, maybe=maybe, wrong=tuple(wrong))


def _place(step: ForeseenStep) -> tuple[str, str, int, str]:
    return step.name.platform, step.name.stage, step.name.index, step.name.instruction


def _is_right(step: ForeseenStep, status: Status) -> bool:
    if status is Status.SKIPPED:
        return not step.needed or step.verdict is Verdict.HIT
    return status in (HITS if step.verdict is Verdict.HIT else RAN)


def _named(step: StepTiming) -> str:
    return f"line {step.line}: {step.instruction}" if step.line else step.instruction
