"""Trees of digests: what a build copied, kept small because equal directories are stored once.

Every tree begins at the root of its context, so a path in it reads as in the repository. A node is a
directory: its entries, ordered by name. Nodes refer to nodes before them only, so there are no cycles.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FREE = -1
"""The mode of a directory that only leads to what was copied: its own is in no key."""
BYTES = 16
"""Of a file's sha256 that are kept: enough to tell files apart, and half the size."""


class Kind(StrEnum):
    """What an entry is. `many`: a directory of which only digests and the number of files were kept."""

    FILE = "f"
    DIRECTORY = "d"
    SYMLINK = "l"
    OTHER = "o"
    MANY = "m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a directory. `mode`: permission bits, or FREE.

    `digest` is empty for a directory, and `bare.full` for a `many`: digests without and with modes.
    `node` is the number of a directory's node, `files` the number of entries below a `many`.
    """

    name: str
    kind: Kind
    mode: int = FREE
    digest: str = ""
    node: int = -1
    files: int = 0


Node = tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedFile:
    """One file, directory or link to be put into a tree. `path` begins with `/`; `digest` is a text."""

    path: str
    kind: Kind
    mode: int = FREE
    digest: str = ""


def short(digest: str) -> str:
    """A digest `sha256:…` as it is kept: its first 16 bytes in base64; another text is digested first."""
    _, _, text = digest.partition(":")
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) < BYTES:
        raw = hashlib.sha256(digest.encode("utf-8", "surrogateescape")).digest()
    return base64.urlsafe_b64encode(raw[:BYTES]).decode().rstrip("=")


class Forest:
    """Collects the trees of one build; equal directories get one number."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}

    def add(self, files: Iterable[CopiedFile]) -> int:
        """The number of the root of a tree of these; directories on the way are made as needed."""
        root: dict[str, object] = {}
        own: dict[str, CopiedFile] = {}
        for each in files:
            parts = [part for part in each.path.split("/") if part]
            place = root
            for part in parts[:-1]:
                below = place.get(part)
                if not isinstance(below, dict):
                    below = place[part] = {}
                place = below
            if not parts:
                continue  # the root's own header is in no key
            if each.kind is Kind.DIRECTORY:
                place.setdefault(parts[-1], {})
                own["/" + "/".join(parts)] = each
            else:
                place[parts[-1]] = each
        return self._store(root, own)

    def _store(self, root: dict[str, object], own: dict[str, CopiedFile]) -> int:
        """Children first, without recursion: a path may have thousands of parts."""
        order: list[tuple[str, dict[str, object]]] = [("", root)]
        for path, place in order:
            order += [(f"{path}/{name}", each) for name, each in place.items() if isinstance(each, dict)]
        numbers: dict[str, int] = {}
        for path, place in reversed(order):
            entries = [_entry(path, name, each, own, numbers) for name, each in place.items()]
            numbers[path] = self.number(tuple(sorted(entries, key=lambda entry: entry.name)))
        return numbers[""]

    def number(self, node: Node) -> int:
        """The number of a node, a new one if no equal node is there."""
        found = self._numbers.get(node)
        if found is None:
            found = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return found


def _entry(
    parent: str, name: str, each: object, own: dict[str, CopiedFile], numbers: dict[str, int]
) -> Entry:
    path = f"{parent}/{name}"
    if isinstance(each, CopiedFile):
        return Entry(name=name, kind=each.kind, mode=each.mode, digest=short(each.digest))
    header = own.get(path)
    mode = header.mode if header else FREE
    return Entry(name=name, kind=Kind.DIRECTORY, mode=mode, node=numbers[path])


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a node with all below: digests without and with modes, entries, and characters it takes."""

    bare: str
    full: str
    files: int
    cost: int


def many_sums(entry: Entry) -> Sums:
    """Those that a `many` was made of."""
    bare, _, full = entry.digest.partition(".")
    return Sums(bare, full, entry.files, 0)


def sums(nodes: Sequence[Node]) -> list[Sums]:
    """The sums of every node, in their order."""
    found: list[Sums] = []
    for node in nodes:
        if len(node) == 1 and node[0].kind is Kind.MANY and not node[0].name:
            found.append(many_sums(node[0]))
            continue
        bare, full, files, cost = hashlib.sha256(), hashlib.sha256(), 0, 0
        for entry in node:
            one, two, count, size = _entry_sums(entry, found)
            kind = Kind.DIRECTORY if entry.kind is Kind.MANY else entry.kind
            head = f"{entry.name}\0{kind}\0".encode("utf-8", "surrogatepass")
            bare.update(head + one.encode("utf-8", "surrogatepass") + b"\0")
            full.update(head + f"{entry.mode}\0{two}\0".encode("utf-8", "surrogatepass"))
            files += count
            cost += size
        found.append(Sums(bare.hexdigest()[:32], full.hexdigest()[:32], files, cost))
    return found


def _entry_sums(entry: Entry, found: list[Sums]) -> tuple[str, str, int, int]:
    size = len(entry.name) + 34
    if entry.kind is Kind.DIRECTORY:
        below = found[entry.node]
        return below.bare, below.full, below.files + 1, below.cost + len(entry.name) + 14
    if entry.kind is Kind.MANY:
        many = many_sums(entry)
        return many.bare, many.full, many.files + 1, size + 50
    return entry.digest, entry.digest, 1, size
