"""The content digest of an input: what BuildKit computes of the files that a COPY or a mount selects.

Sources: cache/contenthash/checksum.go and solver/llbsolver/ops/opsutils/contenthash.go of BuildKit v0.34.1.
Its order of paths is that of bytes with the slash as byte 0: a directory, its header, what it holds, then
the next name. The root's own header is a constant, because no client sends one.
"""

from __future__ import annotations

import hashlib
import posixpath
from operator import itemgetter
from typing import TYPE_CHECKING

from fastbuild.context.filehash import Node, directory_digest
from fastbuild.keys.files import ContentError, Files, Folders, KeepsFolders, ReadsAhead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.keys.ops import Selection

__all__ = ["ContentError", "Files", "Folders", "KeepsFolders", "Node", "ReadsAhead", "Tree", "content_digest"]

MOST_LINKS = 255
"""BuildKit follows no more for one path."""


def content_digest(
    files: Files | Tree, selections: tuple[Selection, ...], follow_paths: tuple[str, ...] = ()
) -> str:
    """The content digest of an input, of which the key is `record_key(…, -1)`.

    `selections` are those of an `Input`, without duplicates; none means everything. `follow_paths` are those
    of the local source (`sent.follow_paths`): BuildKit is not sent more than they lead to, which only counts
    where a link is followed. A `Tree` of files that don't change keeps what it learnt for the next question.
    Raises ContentError where BuildKit would fail, and what `files` raises.
    """
    from fastbuild.keys.sent import sent

    tree = files if isinstance(files, Tree) else Tree(files)
    tree.followed = False
    try:
        digest = _digest_of(tree, selections)
    except ContentError:
        if not (tree.followed and follow_paths):
            raise
        digest = ""
    if tree.followed and follow_paths:
        try:
            part = sent(tree.files, follow_paths)
        except ValueError as error:
            raise ContentError(str(error)) from error
        digest = _digest_of(Tree(part), selections)
    return digest


def _digest_of(tree: Tree, selections: tuple[Selection, ...]) -> str:
    if not selections:
        return _sha256(tree.digest("", follow=False).encode())
    return _sha256("\0".join(_selected(tree, selection) for selection in selections).encode())


def _selected(tree: Tree, selection: Selection) -> str:
    from fastbuild.keys.selecting import filtered_digest

    path = _clean(selection.path)
    if selection.wildcard or selection.include or selection.exclude:
        return filtered_digest(tree, path, selection)
    return tree.digest(path, follow=selection.follow)


Child = tuple[bytes, str, Node]
"""Name in bytes, path, entry."""
_by_name = itemgetter(0)


class Tree:
    """Files with links resolved and directories hashed, as BuildKit does both. The root's path is ""."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.followed = False
        """Whether a link was followed for the present question."""
        self._folders: Folders = files.folders if isinstance(files, KeepsFolders) else {}
        self._children: dict[str, list[Child]] = {}

    def look(self, path: str) -> Node | None:
        """The entry at a clean path."""
        return self.files.look(path or "/")

    def children(self, path: str) -> list[Child]:
        """What a directory holds, in BuildKit's order."""
        found = self._children.get(path)
        if found is None:
            look = self.files.look
            found = []
            for name in self.files.names(path or "/"):
                child = f"{path}/{name}"
                node = look(child)
                if node is not None:
                    found.append((name.encode("utf-8", "surrogateescape"), child, node))
            found.sort(key=_by_name)
            self._children[path] = found
        return found

    def header(self, path: str) -> str:
        """The digest of an entry, without what a directory holds."""
        if not path:
            return NOTHING if self.files.names("/") else _EMPTY_ROOT
        return self.files.digest(path)

    def digest(self, path: str, *, follow: bool) -> str:
        """Of a file, a link, or a directory with all in it; `follow` goes for a link at the end."""
        found, node = self.resolve(path, follow=follow)
        if node is None:
            raise ContentError(f"{path or '/'}: not found")
        return self._folder(found) if node.kind == "directory" else self.header(found)

    def resolve(self, path: str, *, follow: bool) -> tuple[str, Node | None]:
        """The path without links, and what is there; a link at the end stays without `follow`."""
        node = self.look(path)
        if node is not None and not (follow and node.kind == "symlink"):
            return path, node
        current, rest, walked = "", path.lstrip("/"), 0
        while rest:
            part, _, rest = rest.partition("/")
            following = _step(current, part)
            node = self.look(following)
            if node is None or node.kind != "symlink" or (not follow and not rest):
                current = following
                continue
            walked += 1
            self.followed = True
            if walked > MOST_LINKS:
                raise ContentError(f"{path}: too many links")
            rest = f"{node.target}/{rest}"
            if node.target.startswith("/"):
                current = ""
        return current, node

    def _folder(self, top: str) -> str:
        """A stack instead of recursion: directories nest deeper than Python's calls."""
        if top in self._folders:
            return self._folders[top]
        self._read_ahead(top)
        stack = [_Frame(self, top)]
        while True:
            deeper = stack[-1].advance(self._folders)
            if deeper is not None:
                stack.append(_Frame(self, deeper))
                continue
            done = stack.pop()
            self._folders[done.path] = done.digest()
            if not stack:
                return self._folders[top]

    def _read_ahead(self, top: str) -> None:
        if isinstance(self.files, ReadsAhead):
            self.files.read_ahead(self._files_below(top))

    def _files_below(self, top: str) -> Iterator[str]:
        pending = [top]
        while pending:
            folder = pending.pop()
            for _, path, node in self.children(folder):
                if node.kind == "directory":
                    pending.append(path)
                elif node.kind == "file":
                    yield path


class _Frame:
    """A directory whose digest is being computed."""

    __slots__ = ("_hash", "_left", "_tree", "path")

    def __init__(self, tree: Tree, path: str) -> None:
        self.path = path
        self._tree = tree
        self._hash = hashlib.sha256(b"\0" + tree.header(path).encode())
        self._left = tree.children(path)[::-1]

    def advance(self, folders: Folders) -> str | None:
        """Hash what can be; the next directory without a digest, None at the end."""
        tree, left = self._tree, self._left
        while left:
            name, path, node = left[-1]
            is_folder = node.kind == "directory"
            if is_folder and path not in folders:
                return path
            left.pop()
            digest = folders[path] if is_folder else tree.files.digest(path)
            self._hash.update(b"\0" + name + digest.encode())
            if is_folder:
                left += _counted_twice(tree, name, path)
        return None

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _counted_twice(tree: Tree, name: bytes, path: str) -> list[Child]:
    """What BuildKit, skipping what it has hashed of a directory, doesn't skip; last one first.

    It goes on behind the slash and byte 0xff, and a name that is not UTF-8 may begin with that.
    """
    late = [child for child in tree.children(path) if child[0] >= b"\xff"]
    return [(name + b"\0" + raw, below, node) for raw, below, node in reversed(late)]


def _step(current: str, part: str) -> str:
    """A clean path with one part added, which may be `..`."""
    if part in ("", "."):
        return current
    if part == "..":
        return current.rpartition("/")[0]
    return f"{current}/{part}"


def _clean(path: str) -> str:
    """Go's `path.Join("/", path)`, with "" for the root."""
    return "" if path in ("", "/") else posixpath.normpath(f"/{path.lstrip('/')}").rstrip("/")


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


NOTHING = _sha256(b"")
"""The digest of an empty list of paths."""
_EMPTY_ROOT = directory_digest(0o755)
"""Nothing was sent, so BuildKit looks at the directory that it made for it."""
