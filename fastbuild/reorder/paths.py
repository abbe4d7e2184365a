"""Sets of absolute paths in an image, and whether two of them can touch each other."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.hierarchy import ancestors, covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MERGED = (
    *(("/bin", "/usr/bin"), ("/sbin", "/usr/sbin"), ("/lib", "/usr/lib"), ("/lib32", "/usr/lib32")),
    *(("/lib64", "/usr/lib64"), ("/var/run", "/run"), ("/var/lock", "/run/lock")),
)
"""Links that distributions ship: both names are one place (https://wiki.debian.org/UsrMerge). Where they are
two, calling them one only forbids more."""

Origin = tuple[str, ...]
"""Where a copied entry comes from: equal origins mean equal content, mode and owner."""


def canonical(path: str) -> str:
    """`path` normalised, by the one name of places that have two."""
    path = posixpath.normpath(path)
    path = "/" + path.lstrip("/")
    for link, target in _MERGED:
        if covers(link, path):
            return target + path[len(link) :]
    return path


@dataclass(frozen=True)
class PathSet:
    """`trees` stand for themselves and all below; `entries` each for itself alone, with its origin."""

    trees: frozenset[str] = frozenset()
    entries: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.entries)

    def __bool__(self) -> bool:
        return bool(self.trees or self.entries)

    def clash(self, other: PathSet) -> str | None:
        """For two sets that are written: a path of which both touch something; None if there is none.

        Two entries of one path and one origin don't count: they leave the same behind in either order.
        """
        return (
            _among_trees(self.trees, other.trees)
            or self._meets(other.trees)
            or other._meets(self.trees)
            or self._same(other)
        )

    def reaches(self, reads: frozenset[str]) -> str | None:
        """For a written set: a path that a reader of `reads` could notice; None if there is none.

        A directory above a read path doesn't count: before it is there the path is absent, and after too,
        unless it is an entry itself.
        """
        if found := _among_trees(self.trees, reads):
            return found
        if not self.entries:
            return None
        for tree in _in_order(reads):
            if (below := next(self._below(tree), None)) is not None:
                return below
            for above in ancestors(tree):
                if _is_file(self.entries.get(above, ())):
                    return above
        return None

    def within(self, trees: Iterable[str]) -> tuple[str, ...]:
        """The entries that are one of `trees` or below one."""
        return tuple(sorted({path for tree in trees for path in self._below(tree)}))

    def _below(self, tree: str) -> Iterator[str]:
        if tree in self.entries:
            yield tree
        prefix = tree if tree.endswith("/") else tree + "/"
        names = self._sorted
        for at in range(bisect_left(names, prefix), len(names)):
            if not names[at].startswith(prefix):
                return
            yield names[at]

    def _meets(self, trees: frozenset[str]) -> str | None:
        if not self.entries:
            return None
        for tree in _in_order(trees):
            found = next(self._below(tree), None)
            above = (a for a in ancestors(tree) if _is_file(self.entries.get(a, ())))
            if found := found or next(above, None):
                return found
        return None

    def _same(self, other: PathSet) -> str | None:
        few, many = sorted((self, other), key=lambda each: len(each.entries))
        for path, origin in few.entries.items():
            if path in many.entries and many.entries[path] != origin:
                return path
            if _is_file(origin) and (below := next((p for p in many._below(path) if p != path), None)):
                return below
            above = next((a for a in ancestors(path) if a in many.entries), None)
            if above and _is_file(many.entries[above]):
                return above
        return None


def _is_file(origin: Origin) -> bool:
    return bool(origin) and origin[0] != "directory"


def _among_trees(first: frozenset[str], second: frozenset[str]) -> str | None:
    """The first path of one, in order, that is one of the other or below it."""
    if not first or not second:
        return None
    if "/" in first or "/" in second:
        return _in_order(second if "/" in first else first)[0]
    if above := first & _closure(second):
        return next(two for two in _in_order(second) if two in above or above & {*ancestors(two)})
    if second & _closure(first):
        return next(one for one in _in_order(first) if one in second or second & {*ancestors(one)})
    return None


@lru_cache(maxsize=1024)
def _in_order(trees: frozenset[str]) -> tuple[str, ...]:
    """Sorted: which path a reason names must not depend on the order of a set."""
    return tuple(sorted(trees))


@lru_cache(maxsize=1024)
def _closure(trees: frozenset[str]) -> frozenset[str]:
    """The paths and all directories above them."""
    return trees | {above for path in trees for above in ancestors(path)}
