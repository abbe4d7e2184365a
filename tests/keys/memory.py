"""A tree of files without a disk."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.context.filehash import directory_digest, file_digest, symlink_digest
from fastbuild.keys.content import Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SRC = {
    "src/a.py": "x",
    "src/b.txt": "b",
    "src/deep/c.py": "c",
    "src/empty/": "",
    "to-file": "-> src/a.py",
    "to-dir": "-> src",
    "src/up": "-> ../top",
    "top": "t",
}


@dataclass
class Memory:
    """A tree from a table: text of a file, `-> target` of a link; a slash at the end makes a directory."""

    entries: Mapping[str, str]
    modes: Mapping[str, int] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def look(self, path: str) -> Node | None:
        if path == "/" or f"{path[1:]}/" in self.entries or self.names(path):
            return Node(kind="directory", mode=self.modes.get(path[1:], 0o755))
        text = self.entries.get(path[1:])
        if text is None:
            return None
        if text.startswith("-> "):
            return Node(kind="symlink", mode=0o777, target=text[3:])
        return Node(kind="file", mode=self.modes.get(path[1:], 0o644))

    def names(self, path: str) -> Sequence[str]:
        start = path.strip("/") + "/" if path != "/" else ""
        below = {entry[len(start) :].split("/")[0] for entry in self.entries if entry.startswith(start)}
        names = sorted(below - {""})
        self.dice.shuffle(names)
        return names

    def digest(self, path: str) -> str:
        assert path != "/"
        node = self.look(path)
        assert node is not None
        if node.kind == "directory":
            return directory_digest(node.mode)
        if node.kind == "symlink":
            return symlink_digest(node.target)
        return file_digest(node.mode, self.entries[path[1:]].encode())
