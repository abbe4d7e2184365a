"""What recorded builds say of a Dockerfile's instructions, for the costs in findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

from fastbuild.analysis.subject import Measured
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.dockerfile.model import Dockerfile, Instruction

NEWEST = 50
"""Builds that are looked at."""
_COUNTED = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True)
class Past:
    """The newest builds: of each, the seconds of every step by its text (None: it was not executed)."""

    path: Path

    @cached_property
    def builds(self) -> tuple[Mapping[str, float | None], ...]:
        """Read at first use; a history that can't be read is none."""
        from fastbuild.history import History
        from fastbuild.progress.timings import Status

        try:
            records = History(self.path).list(NEWEST)
        except UsageError:
            return ()
        return tuple(
            {
                _words(step.instruction): step.execute if step.status is Status.RAN else None
                for step in record.timing.steps
            }
            for record in records
        )

    def of(self, dockerfile: Dockerfile) -> Mapping[int, Measured]:
        """The median seconds of the instructions that were executed, by `index`.

        Records name Dockerfiles as typed, so it is the steps that tell: a build counts if it had at least
        half of this file's RUN, COPY and ADD. Layer sizes are not in records.
        """
        if not self.builds:
            return {}
        own = {_words(i.text): i for i in dockerfile.instructions if _is_counted(i)}
        alike = [build for build in self.builds if own and 2 * len(own.keys() & build.keys()) >= len(own)]
        found = {}
        for instruction in dockerfile.instructions:
            if not _is_counted(instruction):
                continue
            values = [build.get(_words(instruction.text)) for build in alike]
            ran = [seconds for seconds in values if seconds is not None]
            if ran:
                found[instruction.index] = Measured(seconds=median(ran), builds=len(ran))
        return found


def _is_counted(instruction: Instruction) -> bool:
    """Whether BuildKit names the step by its text: of a heredoc it shows the beginning alone."""
    return instruction.keyword in _COUNTED and not instruction.heredocs


def _words(text: str) -> str:
    keyword, _, rest = text.partition(" ")
    return " ".join([keyword.upper(), *rest.split()])
