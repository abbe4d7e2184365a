"""Where variables get their values: every ARG and ENV of a Dockerfile that has one, as BuildKit sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.dockerfile.expand import expand
from fastbuild.dockerfile.scope import Scope, platform_args
from fastbuild.errors import DockerfileSyntax
from fastbuild.explain.sidefile import Origin, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.dockerfile.model import Dockerfile, Instruction, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """A variable with what was written for it (empty for a bare ARG)."""

    variable: Variable
    written: str


@dataclass(slots=True)
class _Walk:
    given: Mapping[str, str]
    from_environment: frozenset[str]
    platform: str
    escape: str
    globals: dict[str, int] = field(default_factory=dict)
    found: list[Set] = field(default_factory=list)
    ends: dict[int, Scope] = field(default_factory=dict)

    def origin(self, name: str, default: str | None, stage: int) -> Origin:
        """Who gave an ARG its value."""
        if name in self.given:
            return Origin.ENVIRONMENT if name in self.from_environment else Origin.FLAG
        if default is not None:
            return Origin.DEFAULT if stage >= 0 else Origin.GLOBAL
        return Origin.GLOBAL if name in self.globals else Origin.PLATFORM

    def add(self, name: str, value: str, origin: Origin, line: int, stage: int, written: str) -> None:
        """Note one variable."""
        if origin is Origin.GLOBAL and stage >= 0:
            line = self.globals.get(name, line)
        variable = Variable(name=name, value=value, origin=origin, line=line, stage=stage)
        self.found.append(Set(variable=variable, written=written))


def variables(
    dockerfile: Dockerfile,
    given: Mapping[str, str],
    from_environment: frozenset[str] = frozenset(),
    platform: str = "linux/amd64",
    target: str = "",
) -> tuple[Set, ...]:
    """All variables with a value, in file order. `given` are the build arguments with their values.

    What can't be expanded is left out; what depends on the base image's environment is kept as written.
    """
    walk = _Walk(given, from_environment, platform, dockerfile.escape)
    scope = Scope.global_(platform, stage=target, build_args=given)
    for each in dockerfile.header:
        scope = _walk_one(walk, scope, each, -1)
    for stage in dockerfile.stages:
        walk.ends[stage.index] = _walk_stage(walk, scope, stage, dockerfile)
    return tuple(walk.found)


def _walk_stage(walk: _Walk, outer: Scope, stage: Stage, dockerfile: Dockerfile) -> Scope:
    parent = dockerfile.base_stage(stage.base, stage.index)
    end = walk.ends.get(parent.index) if parent else None
    inner = outer.stage(end, () if stage.base == "scratch" else None)
    for each in stage.body:
        inner = _walk_one(walk, inner, each, stage.index)
    return inner


def _walk_one(walk: _Walk, scope: Scope, each: Instruction, stage: int) -> Scope:
    try:
        if each.keyword == "ARG":
            return _arg(walk, scope, each, stage)
        if each.keyword == "ENV":
            return _env(walk, scope, each, stage)
    except DockerfileSyntax:
        pass  # the engine will say it; nothing depends on it here
    return scope


def _arg(walk: _Walk, scope: Scope, each: Instruction, stage: int) -> Scope:
    for name, default in each.pairs():
        scope = scope.expand_arg(name, default, walk.given, walk.escape)
        value = scope.values.get(name)
        if stage < 0 and value is not None:
            walk.globals[name] = each.start
        known = default is not None or name in walk.given or name in walk.globals
        if value is not None and (known or name in platform_args(walk.platform, walk.platform, "")):
            walk.add(name, value, walk.origin(name, default, stage), each.start, stage, default or "")
    return scope


def _env(walk: _Walk, scope: Scope, each: Instruction, stage: int) -> Scope:
    before = scope
    for name, raw in each.pairs():
        expanded = expand(raw or "", before.values, walk.escape)
        certain = before.complete or not expanded.unset
        scope = scope.set_env(name, expanded.text)
        walk.add(name, expanded.text if certain else raw or "", Origin.ENV, each.start, stage, raw or "")
    return scope
