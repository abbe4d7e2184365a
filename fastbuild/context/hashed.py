"""A folder as the files that BuildKit is sent, with BuildKit's digests: only what is asked for is read."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

from fastbuild.aside import aside
from fastbuild.context import filehash
from fastbuild.context.filehash import Node
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fastbuild.context.digest_index import DigestIndex
    from fastbuild.dockerfile.ignore import Ignore

PIECE = 1 << 20
"""Bytes read at once."""
BATCH = 64
"""Files that are worth a thread."""
THREADS = 4
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}
_NO_STAT = os.stat_result((0,) * 10)
_Found = tuple[Node, os.stat_result]
_Hashed = tuple[str, int, os.stat_result, bytes]


class HashedTree:
    """The `Files` of keys.content over a folder, without what `ignore` leaves out.

    Directories are listed and files hashed when they are asked for; what `index` knows is not read again.
    `normal_modes` gives modes as git checks out under umask 022: 0755 for directories and for files that
    their owner may execute, 0644 for others. `modes` are permission bits that count instead of a file's or
    directory's own, by path relative to the folder; `one_mode` are such for all. Raises UsageError for what
    can't be read, and for a bad pattern in the ignore file.
    """

    def __init__(
        self,
        folder: Path,
        ignore: Ignore,
        index: DigestIndex | None,
        *,
        normal_modes: bool = False,
        modes: Mapping[str, int] | None = None,
        one_mode: int | None = None,
    ) -> None:
        self._root = os.path.realpath(folder)
        self._ignore = ignore
        self._index = index
        self._normal_modes = normal_modes
        self._modes = modes or {}
        self._one_mode = one_mode
        self._names: dict[str, list[str]] = {}
        # the root's own mode and times never count
        self._found: dict[str, _Found] = {"/": (Node(kind="directory", mode=0o755), _NO_STAT)}
        self._left_out: set[str] = set()
        self._digests: dict[str, str] = {}
        self._nodes: dict[int, Node] = {}

    def look(self, path: str) -> Node | None:
        """The entry at an absolute path of the tree; no link is followed."""
        found = self._found.get(path) or self._find(path)
        return found and found[0]

    def names(self, path: str) -> Sequence[str]:
        """What a directory holds and BuildKit is sent."""
        return self._listing(path.rstrip("/"))

    def digest(self, path: str) -> str:
        """BuildKit's digest of header and bytes; of a directory of its header."""
        known = self._digests.get(path)
        if known is None:
            known = self._digests[path] = self._digest(path)
        return known

    def read_ahead(self, paths: Iterable[str]) -> None:
        """Hash files that will be asked for, some at once; others than regular files are passed over."""
        missing = [path for path in paths if path not in self._digests and not self._known(path)]
        if not missing:
            return
        size = max(BATCH, -(-len(missing) // THREADS))
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        for hashed in [aside(partial(self._hash_batch, batch)) for batch in batches]:
            for path, mode, info, digest in hashed():
                self._keep(path, mode, info, digest)

    def save(self) -> None:
        """Write the index; for after the last question."""
        if self._index is not None:
            self._index.save(self._is_gone)

    def _find(self, path: str) -> _Found | None:
        found = self._found.get(path)
        if found is None:
            parent = path.rpartition("/")[0]
            if parent not in self._names:
                above = self._find(parent) if parent else None
                if parent and (above is None or above[0].kind != "directory"):
                    return None
                self._listing(parent)
                found = self._found.get(path)
        return found

    def _listing(self, folder: str) -> list[str]:
        names = self._names.get(folder)
        if names is None:
            names = self._names[folder] = list(self._kept(folder))
        return names

    def _kept(self, folder: str) -> Iterator[str]:
        """The names of what is sent; each entry is noted."""
        ignores = bool(self._ignore)
        for name, info in self._entries(folder):
            path = f"{folder}/{name}"
            if ignores and self._is_left_out(path, info):
                self._left_out.add(path)
                continue
            self._found[path] = self._nodes.get(info.st_mode) or self._node(path, info), info
            yield name

    def _is_left_out(self, path: str, info: os.stat_result) -> bool:
        if not self._ignore.ignores(path[1:]):
            return False
        # an ignored directory is sent if an exception keeps something in it
        inside = stat.S_ISDIR(info.st_mode) and self._ignore.may_contain(path[1:])
        return not (inside and self._listing(path))

    def _entries(self, folder: str) -> list[tuple[str, os.stat_result]]:
        try:
            with os.scandir(self._root + folder) as entries:
                return [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        except PermissionError as error:
            if folder and self._ignore.ignores(folder[1:]):
                return []  # entered for an exception; BuildKit passes it over, too
            raise self._unreadable(folder, error) from error
        except OSError as error:
            raise self._unreadable(folder, error) from error

    def _node(self, path: str, info: os.stat_result) -> Node:
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "other")
        if stat.S_ISLNK(info.st_mode):
            try:
                target = os.readlink(self._root + path)  # noqa: PTH115 - Path would tidy the text
            except OSError as error:
                raise self._unreadable(path, error) from error
            return Node(kind="symlink", mode=0o777, target=target)
        node = Node(kind=kind, mode=self._mode(path, info))
        if not self._modes:
            self._nodes[info.st_mode] = node  # thousands of files share a few modes
        return node

    def _mode(self, path: str, info: os.stat_result) -> int:
        if self._one_mode is not None:
            return self._one_mode
        mode = self._modes.get(path[1:], stat.S_IMODE(info.st_mode))
        if not self._normal_modes or stat.S_IFMT(info.st_mode) not in _KINDS:
            return mode
        return 0o755 if stat.S_ISDIR(info.st_mode) or mode & stat.S_IXUSR else 0o644

    def _digest(self, path: str) -> str:
        found = self._find(path)
        if found is None:
            raise UsageError(f"{self._root}{path} is not in the build context")
        node, info = found
        if node.kind == "file":
            if not self._known(path):
                self._keep(*self._hash(path))
            return self._digests[path]
        xattrs = filehash.read_xattrs(self._root + path)
        if node.kind == "directory":
            return filehash.directory_digest(node.mode, xattrs)
        if node.kind == "symlink":
            return filehash.symlink_digest(node.target, xattrs)
        return self._special(path, node, info)

    def _special(self, path: str, node: Node, info: os.stat_result) -> str:
        device = os.major(info.st_rdev), os.minor(info.st_rdev)
        xattrs = filehash.read_xattrs(self._root + path)
        kind = stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFSOCK:
            kind = stat.S_IFREG  # what the client sends in its place is an empty file
        head = filehash.header(kind, node.mode, device=device, xattrs=xattrs)
        return f"sha256:{hashlib.sha256(head).hexdigest()}"

    def _known(self, path: str) -> bool:
        """Take the digest from the index, if it has it."""
        if self._index is None:
            return False
        found = self._found.get(path) or self._find(path)
        digest = found and self._index.get(path[1:], found[1], found[0].mode)
        if not digest:
            return False
        self._digests[path] = "sha256:" + digest.hex()
        return True

    def _keep(self, path: str, mode: int, info: os.stat_result, digest: bytes) -> None:
        self._digests[path] = f"sha256:{digest.hex()}"
        if self._index is not None:
            self._index.put(path[1:], info, mode, digest)

    def _hash_batch(self, paths: Sequence[str]) -> list[_Hashed]:
        return [self._hash(path) for path in paths]

    def _hash(self, path: str) -> _Hashed:
        """A regular file's mode in the header, state before it was read, and digest."""
        try:
            descriptor = os.open(self._root + path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise self._unreadable(path, error) from error
        try:
            info = os.fstat(descriptor)
            mode = self._mode(path, info)
            xattrs = filehash.read_xattrs(descriptor)
            hashed = hashlib.sha256(filehash.header(stat.S_IFREG, mode, size=info.st_size, xattrs=xattrs))
            while piece := os.read(descriptor, PIECE):
                hashed.update(piece)
            return path, mode, info, hashed.digest()
        except OSError as error:
            raise self._unreadable(path, error) from error
        finally:
            os.close(descriptor)

    def _unreadable(self, path: str, error: OSError) -> UsageError:
        return UsageError(
            f"the build context can't be read: {self._root}{path}: {error.strerror}",
            fix="make it readable, or list it in .dockerignore",
        )

    def _is_gone(self, path: str) -> bool:
        """Whether a file of the index is known to be no more; one that was not looked for is kept."""
        if f"/{path}" in self._left_out:
            return False
        parent = path.rpartition("/")[0]
        if (f"/{parent}" if parent else "") in self._names:
            return f"/{path}" not in self._found
        return bool(parent) and self._is_gone(parent)
