"""The best order of a stage's steps: least expected seconds per commit, by exact search.

Cost of an order = Σ over steps of seconds(step) × share of commits in which it or a step before it changed.
The share belongs to the *set* of steps before, not to their order, so the best order of a set is the best
order of the set without its last step, plus that step: dynamic programming over the sets that can be a
beginning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STATES = 10_000
"""Beginnings kept per length in the exact search; ordinary stages need far fewer."""
BEAM = 500
"""Beginnings kept per length by the search that is not exact."""
MOVE = 0.02
"""Seconds per commit that a swap of two neighbours must save: less is not worth a line in a diff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One step to place. `seconds` to run it; `changes` has a bit for every commit that changes it itself."""

    seconds: float
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`positions` are indices of the items in their new order; `exact` is False if not all orders were
    looked at."""

    positions: tuple[int, ...]
    exact: bool


def expected(items: Sequence[Item], order: Sequence[int], commits: int, before: int = 0) -> float:
    """Seconds per commit of an order. `before` has the bits of commits that change the stage's base."""
    changed, total = before, 0.0
    for at in order:
        changed |= items[at].changes
        total += items[at].seconds * changed.bit_count()
    return total / commits if commits else 0.0


def best_order(
    items: Sequence[Item],
    edges: Sequence[tuple[int, int]],
    commits: int,
    before: int = 0,
    states: int = STATES,
) -> Order:
    """The order of least expected seconds that keeps every edge (first, second).

    Of equal orders the one with the fewest swapped pairs. `states` bounds the search: beyond it, only the
    most promising beginnings are followed, and the result says that it is not exact.
    """
    needs = [0] * len(items)
    for first, second in edges:
        needs[second] |= 1 << first
    width = states
    exact = True
    level: dict[int, tuple[float, int, tuple[int, ...]]] = {0: (0.0, before, ())}
    for _ in items:
        following: dict[int, tuple[float, int, tuple[int, ...]]] = {}
        for done, (cost, changed, order) in level.items():
            for at, item in enumerate(items):
                if done >> at & 1 or needs[at] & ~done:
                    continue
                now = changed | item.changes
                later = (done >> at + 1).bit_count()
                total = cost + item.seconds * now.bit_count() + MOVE * commits * later
                key = done | 1 << at
                if key not in following or (total, (*order, at)) < (following[key][0], following[key][2]):
                    following[key] = (total, now, (*order, at))
        if len(following) > width:
            exact, width = False, BEAM
            promising = sorted(following.items(), key=lambda entry: entry[1])[:BEAM]
            following = dict(promising)
        level = following
    return Order(positions=next(iter(level.values()))[2], exact=exact)
