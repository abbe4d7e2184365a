"""What each step costs and how often: the numbers that the plan weighs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.estimates import estimate_seconds
from fastbuild.analysis.reach import lineage
from fastbuild.reorder.plan import Item
from fastbuild.reorder.shares import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Subject
    from fastbuild.reorder.shares import Commits


@dataclass(frozen=True)
class Costs:
    """`measured` holds seconds by an instruction's joined text, from recorded builds; other steps are
    estimated."""

    commits: Commits
    ignores: Callable[[str], bool] = field(default=lambda _: False)
    measured: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def seconds(self, step: Step) -> tuple[float, bool]:
        """Seconds to execute a step, and whether they were measured."""
        found = self.measured.get(step.instruction.text)
        return (estimate_seconds(step), False) if found is None else (found, True)

    def of(self, subject: Subject) -> StageCosts:
        """For the stages of one Dockerfile."""
        return StageCosts(self, subject)


@dataclass(frozen=True)
class StageCosts:
    """Bits and seconds of every step of a Dockerfile."""

    costs: Costs
    subject: Subject

    @cached_property
    def _own(self) -> dict[int, int]:
        return {}

    def item(self, step: Step) -> Item:
        """The step's seconds and the commits that change it itself."""
        commits = self.costs.commits
        bits = changes(step, commits, self.costs.ignores, lambda name: self._named(name, step.stage.index))
        return Item(seconds=self.costs.seconds(step)[0], changes=bits)

    def before(self, stage: int) -> int:
        """The commits that change the stage's base: all that change a step of a stage it is built on."""
        bits = 0
        for parent in lineage(self.subject, self.subject.stages[stage])[:-1]:
            bits |= self._stage(parent.stage.index)
        return bits

    def _named(self, name: str, before: int) -> int:
        found = self.subject.dockerfile.stage(name, before=before)
        return self._stage(found.index) | self.before(found.index) if found else 0

    def _stage(self, index: int) -> int:
        if index not in self._own:
            self._own[index] = 0
            bits = 0
            for step in self.subject.stages[index].steps[1:]:
                bits |= self.item(step).changes
            self._own[index] = bits
        return self._own[index]
