"""Steps whose records another build's writing removed from a cache, and what changed besides.

The side file beside such a cache is the other build's. What a step has in common with the build before that
one is known by identities alone (see `earlier`); so a change since then can be named only where the other
build's step is, for itself, as it was before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.explain.earlier import identities, identity
from fastbuild.explain.evidence import lost_before, unknown
from fastbuild.explain.reasons import Cause, Difference, place, shown
from fastbuild.explain.sidefile import InputKind
from fastbuild.progress.timings import FOUND

if TYPE_CHECKING:
    from fastbuild.explain.differences import Comparison
    from fastbuild.explain.evidence import Evidence, Lost
    from fastbuild.explain.sidefile import SideFile, StepInput, StepKey


class Losses:
    """What was lost of one build, steps being told by their numbers. To be asked for them in their order."""

    def __init__(self, now: SideFile, evidence: Evidence) -> None:
        self._now = now
        self._evidence = evidence
        remembered = any(cache.earlier for cache in evidence.caches)
        self._identities = identities(now.steps) if remembered else ()
        self._lost: dict[int, Lost] = {}
        self._roots: dict[int, int] = {}

    def of(self, number: int) -> Lost | None:
        """How the record of a step that ran was lost; None where that isn't known."""
        if not self._identities:
            return None
        step = self._now.steps[number]
        found = lost_before(self._now, step, self._identities[number], self._evidence)
        if found is not None:
            self._lost[number] = found
        return found

    def besides(self, number: int, other: Comparison) -> tuple[str, list[Difference]] | None:
        """Why a step that isn't lost itself ran, if it stands on lost ones, and the build that tells.

        It would have run without the loss, too. `other` compares with the build that wrote the cache.
        """
        above = [i.step for i in self._now.steps[number].inputs if i.step >= 0 and not i.content]
        changed = [each for each in above if each in self._roots]
        if changed:
            first = min(changed, key=lambda each: self._roots[each])
            self._roots[number] = self._roots[first]
            return self._lost_from(self._roots[first]), [self._follows(first)]
        lost = [each for each in above if each in self._lost]
        if not lost or any(each not in self._lost and not self._was_found(each) for each in above):
            return None
        self._roots[number] = number
        before = self._lost[lost[0]].build
        return before, self._own(number, other, before)

    def _was_found(self, number: int) -> bool:
        return self._now.steps[number].status in FOUND

    def _lost_from(self, root: int) -> str:
        inputs = self._now.steps[root].inputs
        return next(self._lost[each.step].build for each in inputs if each.step in self._lost)

    def _follows(self, above: int) -> Difference:
        step = self._now.steps[above]
        said = f"follows from {place(self._now.steps[self._roots[above]])}"
        return Difference(cause=Cause.FOLLOWS, sentence=said, follows=above, subject=shown(step.name, 400))

    def _own(self, number: int, other: Comparison, before: str) -> list[Difference]:
        """What the step itself has changed, if the other build's step is what it was in `before`."""
        matched = other.matched.get(number)
        if matched is not None and self._is_held(number, other.before.steps[matched]):
            found = [each for each in other.differences(number) if each.cause is not Cause.FOLLOWS]
            if found:
                return found
        return [unknown(f"build {shown(before)} left no such result, and what it had instead isn't recorded")]

    def _is_held(self, number: int, theirs: StepKey) -> bool:
        """Whether the other build's step, put where this one stands, is one whose record was lost."""
        mine = self._now.steps[number]
        if len(mine.inputs) != len(theirs.inputs):
            return False
        inputs = tuple(_moved(a, b) for a, b in zip(mine.inputs, theirs.inputs, strict=True))
        as_before = replace(theirs, inputs=inputs)
        name = identity(as_before, self._identities)
        return lost_before(self._now, mine, name, self._evidence) is not None


def _moved(mine: StepInput, theirs: StepInput) -> StepInput:
    """An input as the other build selects from it, from where this one takes it."""
    if mine.kind is InputKind.CONTEXT or mine.kind is not theirs.kind or mine.content:
        return replace(theirs, step=-1, kind=InputKind.CONTEXT) if theirs.step >= 0 else theirs
    return replace(mine, selector=theirs.selector)
