"""The digest of what wildcards, `--parents` and `--exclude` select: a list of paths with their digests.

Source: `includedPaths` in cache/contenthash/checksum.go of BuildKit v0.34.1. Directories count by their
header. A symbolic link is followed only where no selected directory is above it; that includes the top
level of a root copy, so a dangling link there fails a build with `--exclude` that works without.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.keys.content import NOTHING, ContentError
from fastbuild.keys.glob import matches
from fastbuild.keys.patterns import Matched, Patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.keys.content import Node, Tree
    from fastbuild.keys.ops import Selection

_WILD = frozenset("*?[")


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A file, link or directory header on the way. `path` is as the source names it, `real` without links."""

    path: str
    real: str
    node: Node
    follow: bool
    included: Matched = ()
    excluded: Matched = ()
    listed: bool = False


def filtered_digest(tree: Tree, path: str, selection: Selection) -> str:
    """The digest of one selection that has a wildcard or patterns. Raises ContentError."""
    prefix, real, found = _start(tree, path, wildcard=selection.wildcard)
    listed: list[_Entry] = []
    if found:
        try:
            listed = _Walk(tree, path, selection).run(prefix, real)
        except ContentError:
            raise
        except ValueError as error:
            raise ContentError(f"{path or '/'}: {error}") from error
    for required in selection.required:
        if not any(entry.path.startswith(required) for entry in listed):
            raise ContentError(f"{required}: not found")
    digests = [_digest(tree, entry, follow=selection.follow) for entry in listed]
    if not listed:
        return NOTHING
    if len(listed) == 1 and posixpath.basename(path) == posixpath.basename(listed[0].path):
        return digests[0]
    hashed = hashlib.sha256()
    for entry, digest in zip(listed, digests, strict=True):
        name = os.fsencode(entry.path.removeprefix(prefix)).replace(b"/", b"\0")
        hashed.update((name or b"\0") + digest.encode())
    return f"sha256:{hashed.hexdigest()}"


def _digest(tree: Tree, entry: _Entry, *, follow: bool) -> str:
    if entry.follow and entry.node.kind == "symlink":
        return tree.digest(entry.path, follow=follow)
    return tree.header(entry.real)


def _start(tree: Tree, path: str, *, wildcard: bool) -> tuple[str, str, bool]:
    """Where the walk begins: as the source names it, without links, and whether it is there."""
    if not wildcard:
        real, node = tree.resolve(path, follow=False)
        return path, real, node is not None
    parts = path.split("/")
    first = next((n for n, part in enumerate(parts) if _has_wildcard(part)), len(parts))
    prefix = "/".join(parts[:first])
    if not prefix:
        return "", "", True
    real, node = tree.resolve(prefix, follow=first < len(parts))
    return prefix, real, node is not None


def _has_wildcard(part: str) -> bool:
    escaped = False
    for char in part:
        if not escaped and char in _WILD:
            return True
        escaped = char == "\\" and not escaped
    return False


class _Walk:
    """One walk below a prefix, in BuildKit's order."""

    def __init__(self, tree: Tree, path: str, selection: Selection) -> None:
        self._tree = tree
        self._path = path
        self._pattern = os.fsencode(path) if selection.wildcard else None
        self._follow = selection.follow
        self._include = Patterns(selection.include) if selection.include else None
        self._exclude = Patterns(selection.exclude) if selection.exclude else None
        self._base = "" if selection.wildcard else path
        self._listed: list[_Entry] = []
        # without a class, which may stand for a slash, a pattern fits paths of one depth alone
        self._deepest = 1 << 30 if "[" in path else path.count("/")

    def run(self, prefix: str, real: str) -> list[_Entry]:
        """The selected entries. Raises ValueError for a malformed pattern."""
        parents: list[_Entry] = []
        for path, real_path, node in self._entries(prefix, real):
            while parents and not path.startswith(f"{parents[-1].path}/"):
                parents.pop()
            entry = _Entry(path=path, real=real_path, node=node, follow=self._follow and not parents)
            if not self._visible(entry):
                continue
            wanted = self._wants(entry, parents[-1] if parents else None)
            if wanted:
                for each in (*parents, entry):
                    if not each.listed:
                        each.listed = True
                        self._listed.append(each)
            if node.kind == "directory":
                parents.append(entry)
        return self._listed

    def _entries(self, prefix: str, real: str) -> Iterator[tuple[str, str, Node]]:
        top = self._tree.look(real)
        pending = [(prefix, real, top)] if top is not None else []
        while pending:
            path, real_path, node = pending.pop()
            yield path, real_path, node
            if node.kind == "directory" and self._enters(path):
                for _, child, found in reversed(self._tree.children(real_path)):
                    pending.append((path + child[len(real_path) :], child, found))

    def _enters(self, path: str) -> bool:
        if self._pattern is None or path.count("/") < self._deepest:
            return True
        return bool(self._base) and f"{path}/".startswith(f"{self._base}/")

    def _visible(self, entry: _Entry) -> bool:
        """Whether the pattern in the source's path selects it, or a directory above it."""
        if self._pattern is None:
            return bool(entry.path)  # the root's own header never counts
        if self._base and entry.path.startswith(f"{self._base}/"):
            return True
        if not matches(self._pattern, os.fsencode(entry.path)):
            return False
        self._base = entry.path
        return True

    def _wants(self, entry: _Entry, parent: _Entry | None) -> bool:
        candidate = f"{entry.path}/".removeprefix(f"{self._base}/").removesuffix("/")
        if self._include is not None:
            above = parent.included if parent else ()
            wanted, entry.included = self._include.match(candidate, above)
            if not wanted:
                return False
        if self._exclude is not None:
            above = parent.excluded if parent else ()
            unwanted, entry.excluded = self._exclude.match(candidate, above)
            return not unwanted
        return True
