"""Making trees fit a budget: large directories become their digests and a number of files."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from fastbuild.explain.trees import Entry, Forest, Kind, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.explain.trees import Node, Sums

BUDGET = 2_000_000
"""Characters of JSON that trees may take before compression: some 40,000 files."""


def shrink(
    nodes: Sequence[Node], roots: Sequence[int], budget: int = BUDGET
) -> tuple[tuple[Node, ...], dict[int, int], tuple[str, ...]]:
    """Nodes that take at most about `budget` characters, the new number of each root, and what was lost.

    What was lost is one sentence for each directory, and empty when all fits. Small directories are kept
    first. Directories that are kept keep all their names.
    """
    known = sums(nodes)
    kept = _kept(nodes, roots, known, budget)
    if len(kept) == len(_reachable(nodes, roots)):
        return tuple(nodes), {root: root for root in roots}, ()
    forest = Forest()
    numbers: dict[int, int] = {}
    for number, node in enumerate(nodes):
        if number in kept:
            numbers[number] = forest.number(tuple(_rewritten(entry, numbers, known) for entry in node))
        elif number in roots:
            numbers[number] = forest.number((_many("", -1, known[number]),))
    lost = _lost(nodes, roots, kept, known)
    return tuple(forest.nodes), {root: numbers[root] for root in roots}, lost


def _kept(nodes: Sequence[Node], roots: Sequence[int], known: list[Sums], budget: int) -> set[int]:
    left = budget
    kept: set[int] = set()
    waiting = [(known[root].cost, root) for root in set(roots)]
    heapq.heapify(waiting)
    while waiting:
        _, number = heapq.heappop(waiting)
        own = sum(len(entry.name) + 34 for entry in nodes[number])
        if number in kept or own > left:
            continue
        kept.add(number)
        left -= own
        for entry in nodes[number]:
            if entry.kind is Kind.DIRECTORY and entry.node not in kept:
                heapq.heappush(waiting, (known[entry.node].cost, entry.node))
    return kept


def _reachable(nodes: Sequence[Node], roots: Sequence[int]) -> set[int]:
    found = set(roots)
    waiting = list(found)
    while waiting:
        for entry in nodes[waiting.pop()]:
            if entry.kind is Kind.DIRECTORY and entry.node not in found:
                found.add(entry.node)
                waiting.append(entry.node)
    return found


def _many(name: str, mode: int, of: Sums) -> Entry:
    return Entry(name=name, kind=Kind.MANY, mode=mode, digest=f"{of.bare}.{of.full}", files=of.files)


def _rewritten(entry: Entry, numbers: dict[int, int], known: list[Sums]) -> Entry:
    if entry.kind is not Kind.DIRECTORY:
        return entry
    if entry.node not in numbers:
        return _many(entry.name, entry.mode, known[entry.node])
    return Entry(name=entry.name, kind=entry.kind, mode=entry.mode, node=numbers[entry.node])


def _lost(nodes: Sequence[Node], roots: Sequence[int], kept: set[int], known: list[Sums]) -> tuple[str, ...]:
    found: dict[str, int] = {}
    if lost := [known[root].files for root in roots if root not in kept]:
        found["all that a step copies"] = max(lost)
    seen = {root for root in roots if root in kept}
    waiting = [("", root) for root in sorted(seen)]
    while waiting:
        path, number = waiting.pop()
        for entry in nodes[number]:
            if entry.kind is not Kind.DIRECTORY:
                continue
            if entry.node not in kept:
                found[f"{path}{entry.name}/"] = known[entry.node].files
            elif entry.node not in seen:
                seen.add(entry.node)
                waiting.append((f"{path}{entry.name}/", entry.node))
    return tuple(
        f"{path}: only the digest of {count} files was kept" for path, count in sorted(found.items())
    )
