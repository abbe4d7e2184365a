"""The rewriter checks its own output, every time: any doubt and nothing is proposed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.stamps import fault

if TYPE_CHECKING:
    from fastbuild.reorder.propose import Proposal


def problem(proposal: Proposal) -> str:
    """What is wrong with a proposal's text; empty if nothing is.

    It must parse, hold the same instructions with their comments, or what they were parted into, and added
    COPY lines only, stage by stage, and keep every edge of the plan that the model insists on.
    """
    before, after = parse(proposal.original), parse(proposal.text)
    if len(before.stages) != len(after.stages):
        return "the number of stages changed"
    added = {step.text for plan in proposal.stages for step in plan.steps if step.line is None}
    parted = {plan.index: plan.parted for plan in proposal.stages}
    for old, new in zip(before.stages, after.stages, strict=True):
        expected = _texts(old.instructions)
        for each in parted.get(old.index, ()):
            if wrong := fault(each.whole, each.parts):
                return f"an instruction was parted wrongly: {wrong}"
            expected = expected - _texts((each.whole,)) + _texts(each.parts)
        missing = expected - _texts(new.instructions)
        extra = _texts(new.instructions) - expected
        if missing:
            return f"an instruction of stage {old.index} is missing: {next(iter(missing))[1]!r}"
        if any(text not in added or not text.startswith("COPY ") for _, text in extra):
            return f"stage {old.index} has an instruction that it did not have"
    for plan in proposal.stages:
        place = {at: position for position, at in enumerate(plan.order)}
        broken = [
            e for e in plan.graph.edges if place[e.before] > place[e.after] and e.why not in plan.doubts
        ]
        if broken:
            return f"a constraint is broken: {broken[0].why}"
    return ""


def _texts(instructions: tuple[object, ...]) -> Counter[tuple[str, str]]:
    return Counter((each.comment, each.text) for each in instructions)  # type: ignore[attr-defined]
