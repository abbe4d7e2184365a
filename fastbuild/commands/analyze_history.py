"""What recorded builds say of a Dockerfile's instructions, for the costs in findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

from fastbuild.analysis.subject import Measured
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fastbuild.dockerfile.model import Dockerfile, Instruction
    from fastbuild.progress.timings import StepTiming

NEWEST = 50
"""Builds that are looked at."""
_COUNTED = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step of a recorded build: seconds if it was executed, bytes of its layer if that is known."""

    seconds: float | None
    size: int | None


@dataclass(frozen=True)
class Past:
    """The newest builds, newest first: of each, the steps by their text."""

    path: Path

    @cached_property
    def builds(self) -> tuple[Mapping[str, _Step], ...]:
        """Read at first use; a history that can't be read is none."""
        from fastbuild.history import History

        try:
            records = History(self.path).list(NEWEST)
        except UsageError:
            return ()
        return tuple(_steps(record.timing.steps) for record in records)

    def of(self, dockerfile: Dockerfile) -> Mapping[int, Measured]:
        """What is known of the instructions that were executed or whose layers were seen, by `index`.

        The seconds are the median, the size is the newest: a layer is as large as its last content. Records
        name Dockerfiles as typed, so it is the steps that tell: a build counts if it had at least half of
        this file's RUN, COPY and ADD.
        """
        if not self.builds:
            return {}
        counted = [i for i in dockerfile.instructions if _is_counted(i)]
        texts = [_words(i.text) for i in counted]
        own = set(texts)
        alike = [build for build in self.builds if own and 2 * len(own & build.keys()) >= len(own)]
        found = {}
        for instruction, text in zip(counted, texts, strict=True):
            steps = [build[text] for build in alike if text in build]
            ran = [step.seconds for step in steps if step.seconds is not None]
            sizes = [step.size for step in steps if step.size is not None] if texts.count(text) == 1 else []
            if ran or sizes:
                found[instruction.index] = Measured(
                    seconds=median(ran) if ran else None,
                    size=sizes[0] if sizes else None,
                    builds=len(ran) or len(sizes),
                )
        return found

    def seconds(self, dockerfile: Dockerfile) -> Mapping[int, float]:
        """The same by the instruction's first line, of those whose seconds are known."""
        measured = self.of(dockerfile)
        found = ((i.start, measured[i.index].seconds) for i in dockerfile.instructions if i.index in measured)
        return {line: seconds for line, seconds in found if seconds is not None}


def _steps(steps: Iterable[StepTiming]) -> Mapping[str, _Step]:
    """By their text; of a step in several platforms the largest layer, of equal steps in one file none."""
    from fastbuild.progress.timings import Status

    found: dict[str, _Step] = {}
    places: dict[str, set[tuple[str, int]]] = {}
    for step in steps:
        text = _words(step.instruction)
        before = found.get(text)
        places.setdefault(text, set()).add((step.stage, step.index))
        known = [size for size in (step.size, before.size if before else None) if size is not None]
        found[text] = _Step(
            seconds=step.execute if step.status is Status.RAN else None,
            size=max(known) if known and len(places[text]) == 1 else None,
        )
    return found


def _is_counted(instruction: Instruction) -> bool:
    """Whether BuildKit names the step by its text: of a heredoc it shows the beginning alone."""
    return instruction.keyword in _COUNTED and not instruction.heredocs


def _words(text: str) -> str:
    keyword, _, rest = text.partition(" ")
    return " ".join([keyword.upper(), *rest.split()])
