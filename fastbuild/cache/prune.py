"""Carries out a plan, in an order that can stop anywhere: manifests, a new look, then blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.cache.prune_plan import plan_blobs, plan_names

if TYPE_CHECKING:
    from fastbuild.cache.inventory import Inventory, Name, Store
    from fastbuild.cache.prune_plan import Drop, Policy, Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was planned, and what was done: nothing if `dry_run`.

    `kept` are names that were to go and were written in the meantime. `swept` are keys of blobs that went.
    `broken` are names that an export wrote while one of their blobs went; they went as well.
    """

    inventory: Inventory
    drops: tuple[Drop, ...]
    sweep: Sweep
    dry_run: bool
    kept: tuple[Name, ...] = ()
    swept: frozenset[str] = frozenset()
    broken: tuple[Name, ...] = ()


def prune(store: Store, before: Inventory, policy: Policy, *, dry_run: bool) -> Pruned:
    """Delete what `policy` doesn't keep of what was read before. Raises CacheReadError.

    Stopped anywhere, it leaves a cache that is whole: the next run does the rest.
    """
    drops = plan_names(before, policy)
    if dry_run:
        return Pruned(inventory=before, drops=drops, sweep=plan_blobs(before, policy, drops), dry_run=True)
    kept = tuple(drop.name for drop in drops if not store.drop(drop.name))
    # what a manifest written since names must not be deleted
    after = store.read() if drops else before
    sweep = plan_blobs(after, policy)
    if dict(after.idle) != dict(sweep.idle):
        store.remember(sweep.idle)
    for key in sweep.lone_sides:
        store.delete_side(key)
    swept = store.sweep(sweep.delete) if sweep.delete else frozenset()
    return Pruned(
        inventory=before,
        drops=tuple(drop for drop in drops if drop.name not in kept),
        sweep=sweep,
        dry_run=False,
        kept=kept,
        swept=swept,
        broken=_settle(store, swept) if swept else (),
    )


def _settle(store: Store, swept: frozenset[str]) -> tuple[Name, ...]:
    """Drop manifests that name a blob which has just gone.

    Between the last look at a blob and its deletion lies one request: an export can have written it anew
    there. Its manifest would break builds; without it they miss.
    """
    names = store.read().names
    return tuple(name for name in names if swept & name.contents.layers.keys() and store.drop(name))
