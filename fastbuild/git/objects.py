"""Objects of a repository through one `git cat-file --batch`: commits' trees, and blobs without a checkout.

Formats: https://git-scm.com/docs/git-cat-file#_batch_output, and for trees gitformat-pack(5): entries of
`MODE NAME\\0` and the raw id. An id names its bytes for ever, so what was read once is never asked again.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError
from fastbuild.process import Command, Conversation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PIECE = 1 << 20
"""Bytes of a blob that are read at once."""
ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
KINDS = {b"40000": "directory", b"120000": "symlink", b"160000": "submodule"}
EMPTY: Mapping[str, Entry] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree: "file", "directory", "symlink" or "submodule", and the object's id."""

    kind: str
    id: str
    executable: bool = False


class Objects:
    """The objects of the repository that holds `root`. To be closed.

    Every method raises UsageError for an object that isn't here, as in a shallow or partial clone, and
    EngineError where git can't be run.
    """

    def __init__(self, root: Path) -> None:
        # an object of a partial clone would be fetched, one round trip each
        own = (("GIT_NO_LAZY_FETCH", "1"), ("GIT_NO_REPLACE_OBJECTS", "1"))
        argv = ("git", "-C", str(root), "cat-file", "--batch")
        self._git = Conversation(Command(argv=argv, env=own))
        self._trees: dict[str, Mapping[str, Entry]] = {}
        self._made: dict[str, bytes] = {}

    def __enter__(self) -> Objects:
        """Closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End git."""
        self._git.close()

    def root_of(self, commit: str) -> str:
        """The id of a commit's tree."""
        self._begin(f"{commit}^{{tree}}", skip=True)
        return self._last

    def tree(self, id: str) -> Mapping[str, Entry]:
        """What a tree holds, by name; bytes that are no UTF-8 are surrogates."""
        known = self._trees.get(id)
        if known is None:
            known = self._trees[id] = MappingProxyType(dict(_entries(self.blob(id), len(id) // 2)))
        return known

    def find(self, tree: str, path: str) -> Entry | None:
        """The entry at a relative path below a tree; no link is followed."""
        entry: Entry | None = Entry("directory", tree)
        for name in filter(None, path.split("/")):
            if entry is None or entry.kind != "directory":
                return None
            entry = self.tree(entry.id).get(name)
        return entry

    def blob(self, id: str) -> bytes:
        """An object's bytes."""
        return b"".join(self.pieces(id)[1])

    def pieces(self, id: str) -> tuple[int, Iterator[bytes]]:
        """An object's size, and its bytes in pieces, all of which must be taken before the next question."""
        made = self._made.get(id)
        if made is not None:
            return len(made), iter((made,))
        size = self._begin(id)
        return size, self._pieces(size)

    def with_file(self, tree: str, path: str, data: bytes) -> str:
        """The id of that tree with another file at `path`, made in memory; the file's mode is 0644."""
        name, _, rest = path.partition("/")
        entries = dict(self.tree(tree)) if tree else {}
        if rest:
            below = entries.get(name)
            inner = below.id if below is not None and below.kind == "directory" else ""
            entries[name] = Entry("directory", self.with_file(inner, rest, data))
        else:
            blob = f"made:{hashlib.sha256(data).hexdigest()}"
            self._made[blob] = data
            entries[name] = Entry("file", blob)
        text = "\n".join(f"{name!a} {entry}" for name, entry in sorted(entries.items()))
        id = f"made:{hashlib.sha256(text.encode()).hexdigest()}"
        self._trees[id] = MappingProxyType(entries)
        return id

    def changed(self, before: str, after: str) -> Iterator[str]:
        """The relative paths of files that differ between two trees, in content, mode, or by being there."""
        pending = [("", before, after)]
        while pending:
            folder, old, new = pending.pop()
            if old == new:
                continue
            olds, news = self.tree(old) if old else EMPTY, self.tree(new) if new else EMPTY
            for name in sorted(olds.keys() | news.keys()):
                one, other = olds.get(name), news.get(name)
                if one == other:
                    continue
                if any(each is not None and each.kind != "directory" for each in (one, other)):
                    yield folder + name
                pending.append((f"{folder}{name}/", _folder(one), _folder(other)))

    def _begin(self, name: str, *, skip: bool = False) -> int:
        """Ask; the answer's size in bytes. `skip` reads over the answer itself."""
        self._git.ask(f"{name}\n".encode())
        words = self._git.line().decode("ascii", "replace").split(" ")
        if len(words) != 3 or not words[2].isdigit():
            raise UsageError(
                f"git has no object {name} here",
                cause="the clone is shallow or partial, or damaged",
                fix="fetch the whole history: git fetch --unshallow, or git fetch --refetch --filter=",
            )
        self._last, size = words[0], int(words[2])
        if skip:
            for _ in self._pieces(size):
                pass
        return size

    def _pieces(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._git.read(min(left, PIECE))
            left -= len(piece)
            yield piece
        self._git.read(1)  # the newline after each answer


def _folder(entry: Entry | None) -> str:
    return entry.id if entry is not None and entry.kind == "directory" else ""


def _entries(data: bytes, length: int) -> Iterator[tuple[str, Entry]]:
    start = 0
    while start < len(data):
        space = data.index(b" ", start)
        end = data.index(b"\0", space)
        mode = data[start:space]
        id = data[end + 1 : end + 1 + length].hex()
        kind = KINDS.get(mode.lstrip(b"0"), "file")
        executable = kind == "file" and bool(int(mode, 8) & 0o100)
        yield os.fsdecode(data[space + 1 : end]), Entry(kind, id, executable)
        start = end + 1 + length
