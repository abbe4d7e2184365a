"""Pruning step by step: stopped anywhere it leaves a cache whole, and the next run ends it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.cache.inventory import EMPTY, Blob, Idle, Inventory, Name
from fastbuild.cache.prune import Pruned, prune
from fastbuild.cache.prune_plan import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLICY = Policy(grace=10.0, touch_refresh=10.0, named=frozenset({"old"}))


class Stopped(Exception):
    """The process was killed here."""


def name(text: str, *blobs: str) -> Name:
    layers = {blob: (blob, 1) for blob in blobs}
    return Name(name=text, key=text, modified=0.0, contents=replace(EMPTY, layers=layers))


@dataclass
class Memory:
    """A cache in memory that stops at its n-th change; `at_sweep` is what an export does meanwhile."""

    names: dict[str, Name] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    idle: Mapping[str, Idle] = field(default_factory=dict)
    now: float = 1000.0
    changes_left: int = 1000
    at_sweep: Callable[[], None] = lambda: None

    def change(self) -> None:
        self.changes_left -= 1
        if self.changes_left < 0:
            raise Stopped

    def read(self) -> Inventory:
        self.now += 1
        blobs = {key: Blob(key=key, digest=key, size=1, modified=0.0) for key in self.blobs}
        names = tuple(self.names.values())
        return Inventory(label="memory", now=self.now, names=names, blobs=blobs, idle=self.idle)

    def digest_of(self, key: str) -> str | None:
        return key if key in self.blobs else None

    def size_of(self, key: str) -> int | None:
        return 1 if key in self.blobs else None

    def drop(self, name: Name) -> bool:
        self.change()
        return self.names.pop(name.key, None) is not None

    def sweep(self, blobs: Sequence[Blob]) -> frozenset[str]:
        self.at_sweep()
        for blob in blobs:
            self.change()
            self.blobs.discard(blob.key)
        return frozenset(blob.key for blob in blobs)

    def discard(self, blob: Blob) -> bool:
        return bool(self.sweep([blob]))

    def delete_side(self, key: str) -> None: ...

    def remember(self, idle: Mapping[str, Idle]) -> None:
        self.change()
        self.idle = dict(idle)

    def run(self) -> Pruned:
        inventory = self.read()
        held = frozenset(name.name for name in inventory.names)
        return prune(self, inventory, replace(POLICY, named=POLICY.named & held), dry_run=False)

    def whole(self) -> bool:
        return all(name.contents.layers.keys() <= self.blobs for name in self.names.values())


def filled() -> Memory:
    names = {each.key: each for each in (name("main", "a", "b"), name("old", "b", "c", "d"))}
    return Memory(names=names, blobs=set("abcde"))


@pytest.mark.parametrize("stop", range(8))
def test_it_may_be_stopped_anywhere_and_run_again(stop: int) -> None:
    cache = filled()
    cache.changes_left = stop
    for _ in range(3):
        try:
            cache.run()
        except Stopped:
            assert cache.whole()
            break
        cache.now += 20
        assert cache.whole()
    cache.changes_left = 1000
    for _ in range(2):
        cache.run()
        cache.now += 20
    assert set(cache.names) == {"main"}
    assert cache.blobs == {"a", "b"}


def test_a_dry_run_changes_nothing_and_says_what_a_run_does() -> None:
    cache = filled()
    cache.changes_left = 0
    planned = prune(cache, cache.read(), POLICY, dry_run=True)
    cache.changes_left = 1000
    done = cache.run()
    assert planned.drops == done.drops
    assert [b.key for b in planned.sweep.waiting] == [b.key for b in done.sweep.waiting] == ["c", "d", "e"]


def test_a_name_that_an_export_writes_while_its_blob_goes_is_dropped() -> None:
    cache = filled()
    cache.run()
    cache.now += 20
    cache.at_sweep = lambda: cache.names.update(late=name("late", "a", "c"))
    done = cache.run()
    assert [each.name for each in done.broken] == ["late"]
    assert cache.whole()
