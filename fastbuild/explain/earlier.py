"""What a cache held before its last writer, kept in the side file.

A cache's export holds the results of one build alone. So of a step that an earlier build left there and the
next one did not build nothing remains, not even in the side file. The next one therefore notes the
identities of the steps that it removes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.explain.sidefile import Earlier, InputKind
from fastbuild.explain.trees import short
from fastbuild.progress.timings import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.explain.sidefile import SideFile, StepInput, StepKey

KEPT = 4
"""Earlier builds that are noted."""
MOST_STEPS = 300
"""Steps that are noted of each: some 7 kB."""


def identities(steps: Sequence[StepKey]) -> tuple[str, ...]:
    """A digest of each step's whole key; empty where something of it isn't known.

    Equal ones are of steps that `explain.sameness` calls equal.
    """
    found: list[str] = []
    for step in steps:
        found.append(identity(step, found))
    return tuple(found)


def identity(step: StepKey, above: Sequence[str]) -> str:
    """That of one step, whose inputs stand in `above` by their numbers.

    An input counts by its content where that is known, else by what it comes from.
    """
    inputs = [_input(each, above) for each in step.inputs]
    if not step.op or None in inputs:
        return ""
    text = json.dumps([step.op, inputs])
    return short(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


def _input(one: StepInput, above: Sequence[str]) -> list[str] | None:
    if one.content:
        return ["content", one.content]
    if one.kind is InputKind.NONE:
        return ["none", one.selector]
    if one.kind is InputKind.STEP:
        return ["step", one.selector, above[one.step]] if above[one.step] else None
    if one.kind is InputKind.CONTEXT or not one.digest:
        return None
    return [str(one.kind), one.selector, one.digest, one.platform]


def overwriting(now: SideFile, replaced: SideFile, at: float) -> tuple[Earlier, ...]:
    """What `now` is to note: that it has replaced the results of `replaced`, and what that one noted.

    `at` is when it wrote the cache, in Unix seconds. Builds of the same branch, target, platforms and
    Dockerfile are not noted: with them a cache just goes on.
    """
    held = _held(now)
    gone = tuple(dict.fromkeys(each for each in _in_order(replaced) if each not in held))
    last = Earlier(
        build=replaced.build,
        branch=replaced.branch,
        target=replaced.target,
        platforms=replaced.platforms,
        dockerfile=replaced.dockerfile,
        created=replaced.created,
        commit=replaced.commit,
        steps=gone[:MOST_STEPS],
        by_build=now.build,
        by_branch=now.branch,
        by_target=now.target,
        by_platforms=now.platforms,
        at=at,
    )
    found: dict[tuple[object, ...], Earlier] = {}
    for each in (last, *(_without(each, held) for each in replaced.earlier)):
        if each.steps and _line(each) != _line(now):
            found.setdefault(_line(each), each)
    return tuple(found.values())[:KEPT]


def was_found(now: SideFile, replaced: SideFile) -> bool:
    """Whether `now` found results in a remote cache that `replaced` had left, and executed none of those."""
    left = _held(replaced)
    pairs = zip(identities(now.steps), now.steps, strict=True)
    statuses = {step.status for name, step in pairs if name in left}
    return Status.HIT_REMOTE in statuses and Status.RAN not in statuses


def _line(side: SideFile | Earlier) -> tuple[object, ...]:
    """What builds that follow one another have in common."""
    return side.branch, side.target, side.platforms, side.dockerfile


def _in_order(side: SideFile) -> list[str]:
    pairs = zip(identities(side.steps), side.steps, strict=True)
    return [identity for identity, step in pairs if identity and step.held]


def _held(side: SideFile) -> frozenset[str]:
    return frozenset(_in_order(side))


def _without(one: Earlier, held: frozenset[str]) -> Earlier:
    """The same without what the cache holds again: if that gets lost once more, somebody else did it."""
    return replace(one, steps=tuple(each for each in one.steps if each not in held))
