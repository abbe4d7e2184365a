"""The files of a commit as a checkout under umask 022 would give them to BuildKit, without a checkout."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from fastbuild.context import filehash
from fastbuild.context.filehash import Node
from fastbuild.git.eol import as_checked_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.dockerfile.ignore import Ignore
    from fastbuild.git.blob_digests import BlobDigests
    from fastbuild.git.eol import LineEnds
    from fastbuild.git.objects import Entry, Objects

FILE = Node(kind="file", mode=0o644)
PROGRAM = Node(kind="file", mode=0o755)
DIRECTORY = Node(kind="directory", mode=0o755)
POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How the pointer of a file begins that Git LFS keeps elsewhere (its specification 1)."""
LONGEST_POINTER = 1024
_HEADER = filehash.directory_digest(0o755)


class Blobs:
    """Digests of blobs as checked out. `pointers` collects paths whose content Git LFS keeps elsewhere."""

    def __init__(self, objects: Objects, known: BlobDigests) -> None:
        self.objects = objects
        self.known = known
        self.pointers: set[str] = set()

    def digest(self, path: str, entry: Entry, ends: LineEnds | None) -> str:
        """BuildKit's digest of header and bytes of a file; `ends` says what its lines end with."""
        how = int(entry.executable) | (0 if ends is None else ends.number << 1)
        made = entry.id.startswith("made:")
        found = None if made else self.known.get(entry.id, how)
        if found is None:
            found = self._hash(entry, ends)
            if not made:
                self.known.put(entry.id, how, *found)
        if found[1]:
            self.pointers.add(path)
        return f"sha256:{found[0].hex()}"

    def _hash(self, entry: Entry, ends: LineEnds | None) -> tuple[bytes, int]:
        mode = 0o755 if entry.executable else 0o644
        if ends is not None:
            data = as_checked_out(self.objects.blob(entry.id), ends)
            return bytes.fromhex(filehash.file_digest(mode, data).removeprefix("sha256:")), 0
        size, pieces = self.objects.pieces(entry.id)
        hashed = hashlib.sha256(filehash.header(stat.S_IFREG, mode, size=size))
        is_pointer = False
        for piece in pieces:
            is_pointer = is_pointer or (size < LONGEST_POINTER and piece.startswith(POINTER))
            hashed.update(piece)
        return hashed.digest(), int(is_pointer)


class Rules:
    """What commits with the same ignore file and attributes share: listings, digests of whole directories.

    `ends` has the files whose lines end otherwise after a checkout, by path from the context.
    """

    def __init__(self, blobs: Blobs, ignore: Ignore, ends: Mapping[str, LineEnds]) -> None:
        self.blobs = blobs
        self.ends = ends
        self._ignore = ignore
        self._listings: dict[tuple[str, str], dict[str, Entry]] = {}
        self.folders: dict[tuple[str, str], str] = {}

    def sent(self, path: str) -> bool:
        """Whether the ignore file leaves the file in; for a relative path."""
        return not self._ignore.ignores(path)

    def listing(self, path: str, id: str) -> dict[str, Entry]:
        """What of a directory is sent; `path` is "" for the context, or begins with a slash."""
        known = self._listings.get((path, id))
        if known is None:
            known = self._listings[path, id] = dict(self._kept(path, id))
        return known

    def _kept(self, folder: str, id: str) -> Iterator[tuple[str, Entry]]:
        for name, entry in self.blobs.objects.tree(id).items():
            path = f"{folder}/{name}"
            if self._ignore and self._ignore.ignores(path[1:]):
                inside = entry.kind == "directory" and self._ignore.may_contain(path[1:])
                # an ignored directory is sent if an exception keeps something in it
                if not (inside and self.listing(path, entry.id)):
                    continue
            yield name, entry


class CommitTree:
    """The `Files` of keys.content over a tree of git: the context in one commit.

    Modes are 0644 and 0755, a submodule is an empty directory. Raises what `Objects` does, and UsageError for
    a bad pattern in the ignore file.
    """

    def __init__(self, root: str, rules: Rules) -> None:
        self.folders = _Folders(self, rules.folders)
        self._root = root
        self._rules = rules
        self._listings: dict[str, dict[str, Entry]] = {}

    def look(self, path: str) -> Node | None:
        """The entry at an absolute path of the tree; no link is followed."""
        if path == "/":
            return DIRECTORY
        entry = self._find(path)
        if entry is None:
            return None
        if entry.kind == "file":
            return PROGRAM if entry.executable else FILE
        if entry.kind == "symlink":
            target = os.fsdecode(self._rules.blobs.objects.blob(entry.id))
            return Node(kind="symlink", mode=0o777, target=target)
        return DIRECTORY

    def names(self, path: str) -> Sequence[str]:
        """What a directory holds and BuildKit is sent."""
        return list(self._listing(path.rstrip("/")))

    def digest(self, path: str) -> str:
        """BuildKit's digest of header and bytes; of a directory of its header."""
        entry = self._find(path)
        if entry is None:
            raise KeyError(path)
        if entry.kind == "file":
            return self._rules.blobs.digest(path[1:], entry, self._rules.ends.get(path[1:]))
        if entry.kind == "symlink":
            return filehash.symlink_digest(os.fsdecode(self._rules.blobs.objects.blob(entry.id)))
        return _HEADER

    def tree_id(self, path: str) -> str:
        """The id of a directory's tree; empty for a submodule, which is an empty directory."""
        if not path:
            return self._root
        entry = self._find(path)
        return entry.id if entry is not None and entry.kind == "directory" else ""

    def _find(self, path: str) -> Entry | None:
        parent, _, name = path.rpartition("/")
        listing = self._listings.get(parent)
        if listing is None:
            if parent:
                above = self._find(parent)
                if above is None or above.kind not in ("directory", "submodule"):
                    return None
            listing = self._listing(parent)
        return listing.get(name)

    def _listing(self, folder: str) -> dict[str, Entry]:
        listing = self._listings.get(folder)
        if listing is None:
            id = self.tree_id(folder)
            listing = self._listings[folder] = self._rules.listing(folder, id) if id else {}
        return listing


class _Folders:
    """Digests of whole directories by path, kept for all commits in which git's id of them is the same."""

    def __init__(self, tree: CommitTree, kept: dict[tuple[str, str], str]) -> None:
        self._tree = tree
        self._kept = kept

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and (path, self._tree.tree_id(path)) in self._kept

    def __getitem__(self, path: str) -> str:
        return self._kept[path, self._tree.tree_id(path)]

    def __setitem__(self, path: str, digest: str) -> None:
        self._kept[path, self._tree.tree_id(path)] = digest
