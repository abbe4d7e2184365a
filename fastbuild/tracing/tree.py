"""A model of a container's root file system: what was there before a RUN, and what the RUN did to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST_LINKS = 40
"""The kernel follows no more than this in one path (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    `path` has no links in it, `links` are those that were followed, by their own real paths. `missing` is the
    first part of `path` that is not there, "" if all is. Below a mount nothing is known (`known` is False).
    """

    path: str
    links: tuple[str, ...] = ()
    missing: str = ""
    known: bool = True


class Tree:
    """Paths that exist, and since when. `made` are those that the RUN made, `removed` those it took away."""

    def __init__(
        self, folders: Mapping[str, Iterable[str]], links: Mapping[str, str], mounts: Iterable[str]
    ) -> None:
        self._links = dict(links)
        self._folders = {folder: set(names) for folder, names in folders.items()}
        self._mounts: frozenset[str] = frozenset()
        self._mounts = frozenset(self._walk("/", mount, follow=True).path for mount in mounts) - {"/"}
        self._cache: dict[str, Place] = {}
        self.made: set[str] = set()
        self.removed: set[str] = set()

    def place(self, path: str, *, follow: bool = True) -> Place:
        """Where an absolute path leads; with `follow`, the last part is followed if it is a link."""
        if path.endswith(("/", "/.", "/..")):
            return self._walk("/", path, follow=True)
        folder, _, name = path.rpartition("/")
        parent = self._cache.get(folder)
        if parent is None:
            parent = self._cache[folder] = self._walk("/", folder, follow=True)
        if parent.missing or not parent.known:
            return Place(below(parent.path, name), parent.links, parent.missing, parent.known)
        last = self._walk(parent.path, name, follow=follow)
        links = parent.links + last.links if last.links else parent.links
        return Place(last.path, links, last.missing, last.known)

    def _walk(self, start: str, path: str, *, follow: bool) -> Place:
        here, links = start, list[str]()
        parts = [part for part in reversed(path.split("/")) if part and part != "."]
        while parts:
            part = parts.pop()
            if part == "..":
                here = here.rpartition("/")[0] or "/"
                continue
            child = below(here, part)
            if child in self._mounts:
                return Place(_joined(child, parts), tuple(links), known=False)
            if part not in self._folders.get(here, ()):
                return Place(_joined(child, parts), tuple(links), missing=child)
            target = self._links.get(child)
            if target is not None and (parts or follow):
                if len(links) == MOST_LINKS:
                    return Place(child, tuple(links), missing=child)
                links.append(child)
                here = "/" if target.startswith("/") else here
                parts += [p for p in reversed(target.split("/")) if p and p != "."]
                continue
            here = child
        return Place(here, tuple(links))

    def is_internal(self, path: str) -> bool:
        """Whether what a real path holds, or that it is absent, is the RUN's own doing."""
        parent = path.rpartition("/")[0]
        return path in self.made or path in self.removed or parent in self.made or parent in self.removed

    def add(self, path: str, *, folder: bool = False, target: str | None = None) -> None:
        """The RUN made `path`; replaces what was there."""
        self._take(path)
        parent, _, name = path.rpartition("/")
        self._folders.setdefault(parent or "/", set()).add(name)
        if folder:
            self._folders[path] = set()
        if target is not None:
            self._links[path] = target
        if folder or target is not None:
            self._cache.clear()
        self.made.add(path)

    def remove(self, path: str) -> None:
        """The RUN removed `path` and all below it."""
        for gone in [path, *self.below(path)]:
            self.removed.add(gone)
        self._take(path)

    def move(self, source: str, target: str) -> list[tuple[str, str]]:
        """The RUN renamed `source`; returns what moved, each with its old and new path."""
        old = [source, *self.below(source)]
        facts = [(path in self._folders, self._links.get(path)) for path in old]
        moved = [(path, target + path[len(source) :]) for path in old]
        self.remove(source)
        for (_, path), (folder, link) in zip(moved, facts, strict=True):
            self.add(path, folder=folder, target=link)
        return moved

    def below(self, path: str) -> Iterator[str]:
        """Everything below a directory, parents first."""
        for name in sorted(self._folders.get(path, ())):
            child = below(path, name)
            yield child
            if child in self._folders:
                yield from self.below(child)

    def _take(self, path: str) -> None:
        if path in self._folders or path in self._links:
            self._cache.clear()
        for child in [path, *self.below(path)]:
            self._folders.pop(child, None)
            self._links.pop(child, None)
            self.made.discard(child)
        parent, _, name = path.rpartition("/")
        self._folders.get(parent or "/", set()).discard(name)


def below(folder: str, name: str) -> str:
    """The path of an entry."""
    return f"/{name}" if folder in ("", "/") else f"{folder}/{name}"


def _joined(path: str, rest: list[str]) -> str:
    """`path` with the parts that were not looked at, last one first; `..` by the text alone."""
    for part in reversed(rest):
        path = (path.rpartition("/")[0] or "/") if part == ".." else below(path, part)
    return path
