"""How BuildKit joins the records of a manifest: cache/remotecache/v1/chains.go (`CacheChains.Add`).

Records without inputs are one if their digests agree. Others are one if every input of the new one leads to
the old one, even if only one of several alternatives does. Manifests that BuildKit wrote are joined already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.keys.records import collect, newer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.keys.records import Edge, Held, Records

MOST_STEPS = 3_000_000
"""Real manifests need a few per link; what needs more is made to waste time."""
_Links = list[list[tuple[int, str]]]
"""Per input the alternatives: item, selector."""


class TooCostly(Exception):
    """Joining takes longer than any real manifest does."""


class Chains:
    """Items numbered in the order they were added; an item is one or several records that are one."""

    def __init__(self) -> None:
        self._digests: list[str] = []
        self._roots: dict[str, int] = {}
        self._children: list[dict[tuple[int, str, str], set[int]]] = []
        self._held: dict[int, Held] = {}
        self._steps = 0

    def add(self, digest: str, links: _Links, held: list[Held]) -> int:
        """Add a record and return its item. Raises TooCostly."""
        if not links:
            item = self._roots.get(digest)
            if item is None:
                item = self._roots[digest] = self._new(digest)
            self._hold(item, held)
            return item
        same = self._same(digest, links)
        if same:
            item = min(same)
            self._join(item, same)
            below = self._descendants(item)
        else:
            item, below = self._new(digest), set()
        self._hold(item, held)
        for place, alternatives in enumerate(links):
            for parent, selector in alternatives:
                if parent not in below:  # else the records would form a loop
                    self._children[parent].setdefault((place, digest, selector), set()).add(item)
        return item

    def records(self, label: str) -> Records:
        """All of it, to look things up in."""
        return collect(
            label,
            (self._id(item) for item in self._roots.values()),
            self._edges(),
            {self._id(item): held for item, held in self._held.items()},
        )

    def _edges(self) -> Iterator[tuple[Edge, str]]:
        for parent, children in enumerate(self._children):
            for (place, digest, selector), items in children.items():
                for item in items:
                    yield (self._id(parent), place, digest, selector), self._id(item)

    def _id(self, item: int) -> str:
        digest = self._digests[item]
        # A root is found by its digest. Those of other shapes are never looked for, and must not be mistaken.
        is_root = self._roots.get(digest) == item and digest.startswith("sha256:")
        return digest if is_root else f"#{item}"

    def _new(self, digest: str) -> int:
        self._digests.append(digest)
        self._children.append({})
        return len(self._digests) - 1

    def _hold(self, item: int, held: list[Held]) -> None:
        for one in held:
            self._held[item] = newer(self._held.get(item), one)

    def _same(self, digest: str, links: _Links) -> set[int]:
        """The items that every input leads to."""
        found: list[list[set[int]]] = []
        for place, alternatives in enumerate(links):
            self._spend(len(alternatives))
            sets = (self._children[parent].get((place, digest, name)) for parent, name in alternatives)
            found.append([items for items in sets if items])
        # The smallest first: one base has many children, one content few.
        found.sort(key=lambda sets: sum(map(len, sets)))
        self._spend(sum(map(len, found[0])))
        same = set[int]().union(*found[0])
        for others in found[1:]:
            self._spend(len(same) * len(others))
            same = {item for item in same if any(item in items for items in others)}
        return same

    def _join(self, main: int, same: set[int]) -> None:
        for other in same - {main}:
            for link, items in self._children[other].items():
                self._spend(len(items))
                self._children[main].setdefault(link, set()).update(items)
            if other in self._held:
                self._hold(main, [self._held[other]])

    def _descendants(self, item: int) -> set[int]:
        """The item and all that can be reached from it."""
        seen, todo = {item}, [item]
        while todo:
            for items in self._children[todo.pop()].values():
                self._spend(len(items))
                fresh = items - seen
                seen |= fresh
                todo.extend(fresh)
        return seen

    def _spend(self, steps: int) -> None:
        self._steps += steps + 1
        if self._steps > MOST_STEPS:
            raise TooCostly("its records are joined too often")
