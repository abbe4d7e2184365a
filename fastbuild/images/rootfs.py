"""Layers on top of each other: the root file system that a container would see.

Rules: https://github.com/opencontainers/image-spec/blob/main/layer.md; what that leaves open (a path below a
symlink, a missing parent) as containerd's archive.Apply does it.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.hierarchy import ancestors
from fastbuild.images.entries import Entry, Kind, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from fastbuild.images.entries import Layer

MOST_LINKS = 255
"""Symlinks followed in one path, as in containerd/continuity's fs.RootPath."""


def merge(layers: Iterable[Layer]) -> Mapping[str, Entry]:
    """The files of an image: absolute path → entry, sorted by path; `/` itself where a layer names it.

    Raises EngineError for a hard link to nothing.
    """
    root = _Root()
    for number, layer in enumerate(layers):
        root.apply(layer, number)
    return root.finished()


class _Root:
    """The state between layers. Names with the same number in `inodes` are one file."""

    def __init__(self) -> None:
        self.files: dict[str, Entry] = {}
        self.inodes: dict[str, int] = {}
        self._next = 0
        self._parents: dict[str, str] = {}

    def apply(self, layer: Layer, number: int) -> None:
        # Whiteouts hide what lower layers have, never their own layer's, wherever in it they stand.
        removed = {self._resolved(path) for path in layer.removed}
        emptied = {self._followed(path) for path in layer.emptied}
        if removed or emptied:
            self._remove(removed, emptied)
        for named, entry in layer.entries:
            self._put(self._resolved(named), replace(entry, layer=number))

    def _remove(self, removed: Set[str], emptied: Set[str]) -> None:
        gone = removed | emptied
        doomed = [
            path
            for path in self.files
            if path in removed
            or ("/" in gone and path != "/")
            or any(above in gone for above in ancestors(path))
        ]
        for path in doomed:
            del self.files[path]
            self.inodes.pop(path, None)
        self._parents.clear()

    def _put(self, path: str, entry: Entry) -> None:
        inode, self._next = self._next, self._next + 1
        if entry.kind is Kind.HARD_LINK:
            source = self._resolved(entry.target)
            if source not in self.files or source == path:
                raise unreadable(path, f"a hard link to {entry.target}, which is not there")
            entry = replace(self.files[source], layer=entry.layer)
            inode = self.inodes[source]
        before = self.files.get(path)
        if before is not None and before.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            self._remove({path}, set())
        for above in ancestors(path):
            if above in self.files:
                break
            self.files[above] = Entry(kind=Kind.DIRECTORY, mode=0o755, uid=0, gid=0, layer=entry.layer)
        if Kind.SYMLINK in (entry.kind, before.kind if before else None):
            self._parents.clear()
        self.files[path] = entry
        self.inodes[path] = inode

    def _resolved(self, path: str) -> str:
        """`path` with symlinks among its parents followed; the last part stays as it is."""
        folder, name = posixpath.split(path)
        if not name:
            return "/"
        known = self._parents.get(folder)
        if known is None:
            known = self._parents[folder] = self._followed(folder)
        return posixpath.join(known, name)

    def _followed(self, path: str) -> str:
        found, rest, followed = "/", [part for part in path.split("/") if part], 0
        while rest:
            part = rest.pop(0)
            if part == "..":
                found = posixpath.dirname(found)
                continue
            step = posixpath.join(found, part)
            entry = self.files.get(step)
            if entry is None or entry.kind is not Kind.SYMLINK:
                found = step
                continue
            followed += 1
            if followed > MOST_LINKS:
                raise unreadable(path, "its symlinks lead in a circle")
            if entry.target.startswith("/"):
                found = "/"
            rest = [part for part in entry.target.split("/") if part not in ("", ".")] + rest
        return found

    def finished(self) -> dict[str, Entry]:
        groups: defaultdict[int, list[str]] = defaultdict(list)
        for path, inode in self.inodes.items():
            groups[inode].append(path)
        shared = {path: group for group in groups.values() if len(group) > 1 for path in group}
        return {
            path: replace(entry, links=tuple(sorted(other for other in shared[path] if other != path)))
            if path in shared
            else entry
            for path, entry in sorted(self.files.items())
        }
