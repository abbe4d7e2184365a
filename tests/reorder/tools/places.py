"""A `Place` in memory, and shell text → effects, for tables of tests."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import read_script
from fastbuild.hierarchy import covers, overlaps
from fastbuild.reorder.effects import unknown
from fastbuild.reorder.tools import tool_for, unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.reorder.effects import Effects


@dataclass(frozen=True)
class MemoryPlace:
    """`files`: absolute path → text (None: binary), from COPYs. `written`: what RUNs may have changed."""

    files: Mapping[str, str | None] = field(default_factory=dict)
    cwd: str = "/app"
    home: str = "/root"
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def absolute(self, path: str) -> str:
        return "/" + posixpath.normpath(posixpath.join(self.cwd, path)).lstrip("/")

    def read(self, path: str) -> str | None:
        return None if self._changed(path) else self.files.get(path)

    def exists(self, path: str) -> bool:
        return any(covers(path, each) for each in self.files)

    def below(self, directory: str) -> tuple[str, ...]:
        return tuple(sorted(each for each in self.files if covers(directory, each) and each != directory))

    def doubtful(self, path: str) -> bool:
        return any(overlaps(path, each) for each in self.written)

    def _changed(self, path: str) -> bool:
        return any(covers(each, path) for each in self.written)


def place(
    files: Mapping[str, str | None] | str = "",
    *,
    cwd: str = "/app",
    env: Mapping[str, str] | None = None,
    written: str = "",
    home: str = "/root",
) -> MemoryPlace:
    """Files below `cwd` by relative path; as one text, their names, all empty."""
    named = dict.fromkeys(files.split(), "") if isinstance(files, str) else files
    absolute = {posixpath.join(cwd, path): text for path, text in named.items()}
    return MemoryPlace(files=absolute, cwd=cwd, env=env or {}, written=frozenset(written.split()), home=home)


def from_disk(
    root: Path, *, env: Mapping[str, str] | None = None, home: str = "/root", cwd: Path | None = None
) -> MemoryPlace:
    """All files below a directory, as if one COPY had brought them to the same path."""
    files: dict[str, str | None] = {}
    for path in root.rglob("*"):
        if path.is_file():
            try:
                files[str(path)] = path.read_text()
            except UnicodeDecodeError:
                files[str(path)] = None
    return MemoryPlace(files=files, cwd=str(cwd or root), env=env or {}, home=home)


def effects(command: str, where: MemoryPlace) -> Effects:
    """What the first command of a shell text does, by the tool that knows it."""
    call = unwrap(read_script(command).calls[0])
    if call is None:
        return unknown("the wrapper can't be followed")
    tool = tool_for(call.name)
    if tool is None:
        return unknown(f"`{call.name}` is not a command fastbuild knows")
    return tool.effects(call, where)


def needed(command: str, where: MemoryPlace) -> set[str]:
    """Files of the context that a command reads, relative to the current directory."""
    found = effects(command, where)
    assert not found.unknown, found.unknown
    read = {file for file in where.files if any(covers(each, file) for each in found.reads)}
    return {posixpath.relpath(file, where.cwd) for file in read}
