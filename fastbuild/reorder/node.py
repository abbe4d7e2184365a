"""One instruction with everything it uses, sets, reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.reorder.paths import PathSet
from fastbuild.reorder.surroundings import STEERING
from fastbuild.reorder.tools.environment import matters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.facts import Step
    from fastbuild.dockerfile.model import Instruction

_CONFIG = frozenset(
    {"LABEL", "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "MAINTAINER", "ONBUILD"}
)


@dataclass(frozen=True, kw_only=True)
class Node:
    """One instruction. Paths are canonical.

    `makes` holds directories made if absent, by how; `caches` are ids of cache mounts; `uses` and `sets`
    name cwd, user and shell; `assigns` and `names` are variables set and surely used; `env` those that
    programs may use (see `may_use`). `unknown` says why nothing is known of the files; `doubts` why the rest
    is only likely.
    """

    step: Step
    reads: frozenset[str] = frozenset()
    writes: PathSet = field(default_factory=PathSet)
    makes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    links: frozenset[str] = frozenset()
    opaque: bool = False
    enters: frozenset[str] = frozenset()
    caches: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    assigns: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    env: frozenset[str] | None = frozenset()
    unknown: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def instruction(self) -> Instruction:
        """The instruction itself."""
        return self.step.instruction

    @property
    def line(self) -> int:
        """Its first line, from 1."""
        return self.instruction.start

    @property
    def fixed(self) -> bool:
        """Whether it only sets the image's configuration: it has no layer, and never moves."""
        return self.step.keyword in _CONFIG

    @property
    def touches(self) -> bool:
        """Whether it has to do with files."""
        return bool(self.unknown or self.reads or self.writes or self.makes or self.step.keyword == "RUN")

    def may_use(self, name: str) -> bool:
        """Whether its result may depend on a variable."""
        if name in self.names:
            return True
        if self.step.keyword != "RUN":
            return False
        if self.unknown or STEERING.fullmatch(name):
            return True
        return matters(self.env, name)
