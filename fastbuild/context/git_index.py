"""Which files of a directory git tracks, and with which modes: git's index, read without git.

Git itself may be absent in a build container, and refuses checkouts that belong to another user ("dubious
ownership"), which is the rule where CI jobs run as root. Reading bytes runs nothing that a repository names.
Format: https://git-scm.com/docs/index-format, versions 2 to 4. Split and sparse indexes are not read.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Modes = dict[str, int]
"""Path → mode as git writes it: 0o100644, 0o100755, 0o120000 (link), 0o160000 (submodule)."""
SUBMODULE = 0o160000
LONGEST_INDEX = 512 * 1024 * 1024
"""Bytes; an index of millions of files is not worth the wait."""
DEEPEST = 8
"""Submodules inside submodules."""
_EXTENDED, _NAME_LENGTH = 0x4000, 0x0FFF
_SHA256 = re.compile(r"^\s*objectformat\s*=\s*sha256\s*$", re.IGNORECASE | re.MULTILINE)
_FOREIGN = (b"link", b"sdir")


class IndexFormatError(ValueError):
    """The index is damaged, or of a kind that is not read here."""


def tracked(
    folder: Path, find: Callable[[Path], tuple[Path, Path] | None], *, depth: int = DEEPEST
) -> Modes | None:
    """What git tracks below `folder`, by path relative to it, submodules included; None outside git.

    `find` gives the root and git directory of the work tree that holds a path. Raises OSError or
    IndexFormatError when there is a repository whose index can't be read.
    """
    found = find(folder)
    if found is None:
        return None
    root, git_dir = found
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    prefix = "" if inside == "." else f"{inside}/"
    entries = _read(git_dir)
    modes = {path[len(prefix) :]: mode for path, mode in entries.items() if path.startswith(prefix)}
    for path in [path for path, mode in modes.items() if mode == SUBMODULE]:
        within = folder / path
        if depth and (within / ".git").exists():
            below = tracked(within, find, depth=depth - 1) or {}
            modes |= {f"{path}/{name}": mode for name, mode in below.items()}
    return modes


def _read(git_dir: Path) -> Modes:
    file = git_dir / "index"
    if not file.exists():
        return {}  # nothing was ever added
    if file.stat().st_size > LONGEST_INDEX:
        raise IndexFormatError("it is very large")
    return parse(file.read_bytes(), hash_bytes=32 if _uses_sha256(git_dir) else 20)


def _uses_sha256(git_dir: Path) -> bool:
    common = git_dir / "commondir"
    shared = git_dir / common.read_text(encoding="utf-8").strip() if common.is_file() else git_dir
    config = shared / "config"
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    return _SHA256.search(text) is not None


def parse(data: bytes, *, hash_bytes: int = 20) -> Modes:
    """The entries of an index; `hash_bytes` is 20 for SHA-1, 32 for SHA-256. Raises IndexFormatError."""
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4):
        raise IndexFormatError("it is of an unknown kind")
    modes: Modes = {}
    after = 12
    try:
        (count,) = struct.unpack_from(">I", data, 8)
        for end, name, mode in _entries(data, count, hash_bytes, compressed=version == 4):
            modes[name], after = mode, end
    except (struct.error, IndexError, ValueError) as error:
        raise IndexFormatError(f"it can't be read: {error}") from error
    _require_whole(data, after, hash_bytes)
    return modes


def _entries(data: bytes, count: int, hash_bytes: int, *, compressed: bool) -> Iterator[tuple[int, str, int]]:
    """For each entry where it ends, its path and its mode."""
    position, name = 12, b""
    flags_at = 40 + hash_bytes
    read_mode, read_flags = struct.Struct(">I").unpack_from, struct.Struct(">H").unpack_from
    for _ in range(count):
        (mode,) = read_mode(data, position + 24)
        (flags,) = read_flags(data, position + flags_at)
        start = position + flags_at + (4 if flags & _EXTENDED else 2)
        if compressed:
            dropped, start = _varint(data, start)
            end = data.index(b"\0", start)
            name = name[: len(name) - dropped] + data[start:end]
            position = end + 1
        else:
            length = flags & _NAME_LENGTH
            end = start + length if length < _NAME_LENGTH else data.index(b"\0", start)
            name = data[start:end]
            position += (end - position + 8) & ~7  # padded with one to eight NULs
        yield position, name.decode("utf-8", "surrogateescape"), mode


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number as in the offsets of pack files, and where it ends."""
    byte = data[position]
    value = byte & 0x7F
    while byte & 0x80:
        position += 1
        byte = data[position]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, position + 1


def _require_whole(data: bytes, position: int, hash_bytes: int) -> None:
    """Raise IndexFormatError when entries lie elsewhere: a shared index, directories that stand for files."""
    while position + 8 <= len(data) - hash_bytes:
        kind, size = struct.unpack_from(">4sI", data, position)
        if kind in _FOREIGN:
            raise IndexFormatError("it is split or sparse")
        position += 8 + size


def parse_listing(text: str) -> Modes:
    """The same from `git ls-files --stage -z`, which also knows split and sparse indexes."""
    lines = (line.partition("\t") for line in text.split("\0") if "\t" in line)
    return {path: int(about.split(" ", 1)[0], 8) for about, _, path in lines}
