"""What an operation makes of nothing: the files of a COPY's heredocs, whose text is in the graph itself.

Sources: frontend/dockerfile/dockerfile2llb/convert.go (`dispatchCopy`), solver/llbsolver/file/backend.go.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.context.filehash import Node, directory_digest, file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.keys.graph import Op

_FIELDS = {"path", "mode", "data", "timestamp"}
"""Of a file whose owner is root: others aren't understood here."""


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """The `Files` of keys.content over files in one directory: name → mode and bytes."""

    made: Mapping[str, tuple[int, bytes]]

    def look(self, path: str) -> Node | None:
        """The entry at an absolute path."""
        if path == "/":
            return Node(kind="directory", mode=0o755)
        file = self.made.get(path)
        return Node(kind="file", mode=file[0]) if file else None

    def names(self, path: str) -> Sequence[str]:
        """What a directory holds."""
        return [name.removeprefix("/") for name in self.made] if path == "/" else []

    def digest(self, path: str) -> str:
        """BuildKit's digest of header and bytes."""
        return directory_digest(0o755) if path == "/" else file_digest(*self.made[path])


def made_files(op: Op) -> MadeFiles | None:
    """The files that `op` makes of nothing but its own text; None for any other operation."""
    if op.kind != "file" or op.inputs:
        return None
    made = {}
    for action in op.body.get("actions") or ():
        file = action.get("mkfile")
        if not isinstance(file, dict) or not file.keys() <= _FIELDS:
            return None
        path = str(file.get("path"))
        if not path.startswith("/") or "/" in path[1:]:
            return None
        try:
            made[path] = int(file.get("mode", 0)), base64.b64decode(file.get("data", ""), validate=True)
        except (ValueError, TypeError, binascii.Error):
            return None
    return MadeFiles(made) if made else None
