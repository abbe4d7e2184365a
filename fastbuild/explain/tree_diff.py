"""What differs between two trees of digests, and in whose words."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.explain.trees import FREE, Entry, Kind, many_sums, sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastbuild.explain.sidefile import SideFile
    from fastbuild.explain.trees import Node, Sums

MOST = 300_000
"""Entries looked at; what lies beyond isn't counted."""


class How(StrEnum):
    """In which way one path differs. `within`: something below a directory of which only a digest is kept."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    MODE = "mode"
    WITHIN = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChange:
    """One path that differs. `before` and `after` are modes, -1 where there is none; `old` a former path."""

    path: str
    how: How
    before: int = FREE
    after: int = FREE
    old: str = ""
    digest: str = ""
    folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDiff:
    """All changes, by path. `whole`: nothing was left unlooked at."""

    changes: tuple[PathChange, ...]
    whole: bool = True


def diff(now: SideFile, mine: int, before: SideFile, theirs: int) -> TreeDiff:
    """What differs between the tree `mine` of `now` and the tree `theirs` of `before`."""
    walk = _Walk(now.nodes, before.nodes, apart=now.modes_apart and before.modes_apart)
    if now.modes_apart != before.modes_apart:
        return TreeDiff(changes=(), whole=False)  # digests of another kind
    walk.run(mine, theirs)
    changes = sorted(_renamed(walk.found), key=lambda change: change.path)
    return TreeDiff(changes=tuple(changes), whole=walk.seen <= MOST)


class _Walk:
    def __init__(self, mine: Sequence[Node], theirs: Sequence[Node], *, apart: bool) -> None:
        self._mine, self._theirs = mine, theirs
        self._my_sums, self._their_sums = sums(mine), sums(theirs)
        self._apart = apart
        self.found: list[PathChange] = []
        self.seen = 0

    def run(self, mine: int, theirs: int) -> None:
        """Fill `found`; equal directories are passed over."""
        waiting = [("", mine, theirs)]
        while waiting and self.seen <= MOST:
            path, one, other = waiting.pop()
            if self._my_sums[one].full == self._their_sums[other].full:
                continue
            new = {entry.name: entry for entry in self._mine[one]}
            old = {entry.name: entry for entry in self._theirs[other]}
            self.seen += len(new) + len(old)
            if any(entry.kind is Kind.MANY and not entry.name for entry in (*new.values(), *old.values())):
                self._within(path, self._my_sums[one], self._their_sums[other])
                continue
            for name in sorted(new.keys() | old.keys()):
                waiting += self._names(f"{path}{name}", new.get(name), old.get(name))

    def _names(self, path: str, new: Entry | None, old: Entry | None) -> Iterable[tuple[str, int, int]]:
        if new is None or old is None:
            self._one_side(path, new, old)
            return
        folders = (Kind.DIRECTORY, Kind.MANY)
        if new.kind in folders and old.kind in folders:
            self._mode(path, new, old)
            if new.kind is old.kind is Kind.DIRECTORY:
                yield f"{path}/", new.node, old.node
            else:
                self._within(f"{path}/", self._of(new, self._my_sums), self._of(old, self._their_sums))
        elif new.kind is not old.kind:
            self.found.append(PathChange(path=path, how=How.CHANGED))
        elif new.digest != old.digest:
            change = PathChange(path=path, how=How.CHANGED, before=old.mode, after=new.mode)
            self.found.append(change)
        else:
            self._mode(path, new, old)

    def _mode(self, path: str, new: Entry, old: Entry) -> None:
        folder = new.kind in (Kind.DIRECTORY, Kind.MANY)
        if new.mode != old.mode and (self._apart or folder):
            change = PathChange(path=path, how=How.MODE, before=old.mode, after=new.mode, folder=folder)
            self.found.append(change)

    def _of(self, entry: Entry, known: list[Sums]) -> Sums:
        return known[entry.node] if entry.kind is Kind.DIRECTORY else many_sums(entry)

    def _within(self, path: str, new: Sums, old: Sums) -> None:
        if new.full != old.full:
            how = How.MODE if new.bare == old.bare and self._apart else How.WITHIN
            self.found.append(PathChange(path=path, how=how, folder=True))

    def _one_side(self, path: str, new: Entry | None, old: Entry | None) -> None:
        """All files below, or the directory itself where it holds none."""
        nodes = self._mine if new is not None else self._theirs
        top = new or old
        waiting = [(path, top)] if top else []
        while waiting and self.seen <= MOST:
            here, entry = waiting.pop()
            self.seen += 1
            below = nodes[entry.node] if entry.kind is Kind.DIRECTORY else ()
            waiting += ((f"{here}/{each.name}", each) for each in reversed(below))
            if below:
                continue
            folder = entry.kind in (Kind.DIRECTORY, Kind.MANY)
            name = f"{here}/" if folder else here
            how = How.ADDED if new is not None else How.REMOVED
            digest = "" if folder else f"{entry.kind} {entry.mode} {entry.digest}"
            self.found.append(PathChange(path=name, how=how, digest=digest, folder=folder))


def _renamed(found: list[PathChange]) -> list[PathChange]:
    """Added and removed files with one digest are one rename, if no other file has that digest."""
    added: dict[str, list[PathChange]] = defaultdict(list)
    removed: dict[str, list[PathChange]] = defaultdict(list)
    for change in found:
        if change.digest and change.how is How.ADDED:
            added[change.digest].append(change)
        elif change.digest and change.how is How.REMOVED:
            removed[change.digest].append(change)
    pairs = {
        new[0].path: old[0].path
        for digest, new in added.items()
        if len(new) == 1 and len(old := removed.get(digest, [])) == 1
    }
    gone = set(pairs.values())
    kept = (change for change in found if not (change.how is How.REMOVED and change.path in gone))
    return [
        PathChange(path=change.path, how=How.RENAMED, old=pairs[change.path])
        if change.how is How.ADDED and change.path in pairs
        else change
        for change in kept
    ]


def umask_of(changes: Iterable[PathChange]) -> bool:
    """Whether two umasks explain all these changes of modes: each mode is what one of them leaves."""
    masks: list[dict[bool, set[int]]] = [defaultdict(set), defaultdict(set)]
    for change in changes:
        for side, mode in enumerate((change.before, change.after)):
            full = change.folder or bool(mode & 0o100)
            if mode == FREE or mode & 0o7000 or not mode & 0o400:
                return False
            masks[side][full].add((0o777 if full else 0o666) & ~mode)
        if (change.before ^ change.after) & 0o700:
            return False
    return all(_one_umask(mask) for mask in masks)


def _one_umask(masks: dict[bool, set[int]]) -> bool:
    full, plain = masks[True], masks[False]
    if len(full) > 1 or len(plain) > 1:
        return False
    usual = {0o000, 0o002, 0o007, 0o022, 0o027, 0o077}
    possible = {u for u in usual if all(f == u for f in full) and all(p == u & 0o666 for p in plain)}
    return bool(possible)


def most_common_modes(changes: Iterable[PathChange]) -> tuple[int, int]:
    """The change of modes that most of these are, files before directories."""
    counted = Counter((not change.folder, change.before, change.after) for change in changes)
    (_, before, after), _ = max(counted.items(), key=lambda item: (item[0][0], item[1], item[0]))
    return before, after
