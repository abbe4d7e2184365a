"""What rules and the reorderer look at: a Dockerfile, its facts, the files it may copy, what steps cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from fastbuild.analysis.facts import NOTHING, stage_facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.analysis.bases import Image
    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.context.tree import ContextFile
    from fastbuild.dockerfile.model import Dockerfile


class Context(Protocol):
    """The build context as BuildKit would see it. Reading happens on demand; nothing here raises."""

    def files(self) -> Mapping[str, ContextFile]:
        """Every entry that `.dockerignore` leaves, by path, directories included."""

    def ignored(self) -> frozenset[str]:
        """Top-level names and well-known places (`.git`) that exist but are left out."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes (links followed inside the context); None if it is absent, ignored or unreadable."""

    def ignore_file(self) -> tuple[str, str] | None:
        """Name and text of the ignore file in force, None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What recorded builds say of one instruction: median seconds to execute, bytes that its layer adds."""

    seconds: float | None = None
    size: int | None = None
    builds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one traced RUN did, by absolute paths: opened, looked at or for in vain; listed; written."""

    reads: frozenset[str]
    listed: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True)
class Subject:
    """Everything a rule may look at. `context` is None when only a text was given."""

    dockerfile: Dockerfile
    context: Context | None = None
    build_args: Mapping[str, str | None] = NOTHING
    measured: Mapping[int, Measured] = field(default_factory=lambda: MappingProxyType({}))
    """By the instruction's `index`."""
    seen: Mapping[str, Seen] = field(default_factory=lambda: MappingProxyType({}))
    """Evidence of traced RUNs, by the instruction's text."""

    @cached_property
    def stages(self) -> tuple[StageFacts, ...]:
        """The facts of every stage."""
        return stage_facts(self.dockerfile, self.build_args)

    @cached_property
    def lineages(self) -> tuple[tuple[StageFacts, ...], ...]:
        """For each stage those whose layers it holds, oldest first, itself last."""
        found: list[tuple[StageFacts, ...]] = []
        for facts in self.stages:
            found.append((*(found[facts.parent.stage.index] if facts.parent else ()), facts))
        return tuple(found)

    @cached_property
    def final(self) -> StageFacts | None:
        """The last stage: what is built without `--target`."""
        return self.stages[-1] if self.stages else None

    @cached_property
    def pulled(self) -> tuple[tuple[Step, str, Image], ...]:
        """The images that the file pulls: see `fastbuild.analysis.bases`."""
        from fastbuild.analysis.bases import all_pulled

        return tuple(all_pulled(self))

    def steps(self) -> Iterator[Step]:
        """Every step of every stage, in file order."""
        return iter(self._steps)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return tuple(step for stage in self.stages for step in stage.steps)

    @cached_property
    def runs(self) -> tuple[Step, ...]:
        """Every RUN of every stage, in file order."""
        return tuple(step for stage in self.stages for step in stage.runs)
