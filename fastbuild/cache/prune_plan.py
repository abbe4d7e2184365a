"""Which names of a cache may go, and which blobs: functions of what lies there and a policy. No effects.

A name may always go: a build that wanted it misses. A blob that a manifest names must stay: a build that
finds a step in the manifest and not its blob fails. Two kinds of builds could be hurt by deleting one that no
manifest names now:

- An export asks whether a blob is there, doesn't upload it if so, and names it in its manifest only at the
  end. If the blob is older than `touch_refresh` (24 h), it is also written anew, on the spot.
- A build that has read a manifest may fetch its blobs, although the manifest was replaced since.

So a blob is deleted when two looks, at least `grace` apart, both found it without a manifest, it had the same
time of writing, and this was `touch_refresh` + `grace` before the first look. Had an export asked for it
since then, it would have a new time; had one asked before, it would have ended, and been seen.
`grace` is the longest time from a build's reading of the cache to the end of its export.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.cache.inventory import Idle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastbuild.cache.inventory import Blob, Inventory, Name

DAY = 86_400.0
TOUCH_REFRESH = DAY
"""Seconds after which an export writes an existing blob anew, if the builders don't set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is to be kept. Times in seconds, sizes in bytes; None: no limit.

    `named` goes whatever the rest says, `protected` stays whatever the rest says. `dead` are names of
    branches that are gone.
    """

    keep_for: float | None = None
    keep_bytes: int | None = None
    dead: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    grace: float = DAY
    touch_refresh: float = TOUCH_REFRESH


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A name that goes, and why: `named`, `dead branch`, `age` or `size`."""

    name: Name
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Blobs without a manifest: those that may go now, and those that have to wait.

    `idle` is what to remember. `blocked` are manifests that can't be read; nothing goes while there are any.
    """

    delete: tuple[Blob, ...]
    waiting: tuple[Blob, ...]
    idle: Mapping[str, Idle]
    lone_sides: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def plan_names(inventory: Inventory, policy: Policy) -> tuple[Drop, ...]:
    """The names that go, least recently written first. A manifest that can't be read stays unless named."""
    drops: dict[str, Drop] = {}
    for name in sorted(inventory.names, key=lambda each: (each.modified or 0.0, each.name)):
        reason = _reason(name, inventory.now, policy)
        if reason:
            drops[name.key] = Drop(name=name, reason=reason)
    for name in _over_budget([n for n in inventory.names if n.key not in drops], inventory, policy):
        drops[name.key] = Drop(name=name, reason="size")
    return tuple(sorted(drops.values(), key=lambda drop: (drop.name.modified or 0.0, drop.name.name)))


def plan_blobs(inventory: Inventory, policy: Policy, dropped: Iterable[Drop] = ()) -> Sweep:
    """The blobs that go, and those that wait, were the names in `dropped` gone."""
    gone = {drop.name.key for drop in dropped}
    left = replace(inventory, names=tuple(name for name in inventory.names if name.key not in gone))
    orphans, blocked = left.orphans, left.unread
    old = inventory.now - policy.touch_refresh - policy.grace
    idle = {b.key: _idle(b, inventory) for b in orphans if b.modified is not None and b.modified <= old}
    ripe = {
        key
        for key, each in idle.items()
        if inventory.idle.get(key) == each and inventory.now - each.seen >= policy.grace and not blocked
    }
    return Sweep(
        delete=tuple(blob for blob in orphans if blob.key in ripe),
        waiting=tuple(blob for blob in orphans if blob.key not in ripe),
        idle=idle,
        lone_sides=tuple(sorted(key for key, written in inventory.lone_sides.items() if written <= old)),
        blocked=blocked,
    )


def _reason(name: Name, now: float, policy: Policy) -> str:
    if name.name in policy.named:
        return "named"
    if name.problem or name.name in policy.protected:
        return ""
    if name.name in policy.dead:
        return "dead branch"
    if policy.keep_for is None or name.modified is None:
        return ""
    return "age" if now - name.modified > policy.keep_for else ""


def _over_budget(names: Sequence[Name], inventory: Inventory, policy: Policy) -> list[Name]:
    """Least recently written names that must go until the blobs of the others fit."""
    if policy.keep_bytes is None:
        return []
    uses: dict[str, int] = {}
    for key in (key for name in names for key in name.contents.layers):
        uses[key] = uses.get(key, 0) + 1
    total = sum(inventory.blobs[key].size for key in uses if key in inventory.blobs)
    free = [n for n in names if not n.problem and n.modified is not None and n.name not in policy.protected]
    going: list[Name] = []
    for name in sorted(free, key=lambda each: (each.modified or 0.0, each.name)):
        if total <= policy.keep_bytes:
            break
        going.append(name)
        for key in name.contents.layers:
            uses[key] -= 1
            if not uses[key] and key in inventory.blobs:
                total -= inventory.blobs[key].size
    return going


def _idle(blob: Blob, inventory: Inventory) -> Idle:
    """What an earlier look has found, if the blob was not written since; else what this one finds."""
    before = inventory.idle.get(blob.key)
    modified = blob.modified or 0.0
    if before is not None and before.modified == modified and before.seen <= inventory.now:
        return before
    return Idle(seen=inventory.now, modified=modified)
