"""Digests of a folder's files, kept on disk with what the file system said of each: an index like git's.

An entry counts while size, mtime, ctime, inode and mode are the same. A file that was written in the same
tick of the clock as it was hashed could be written again without a trace in those, so digests of files
younger than the look at them, less `MARGIN_NS`, are not kept ("racy entries" in git's words).

One file: magic, SHA-256 of the rest, then the number of entries, the folder, fixed records, paths. What is
corrupt, of another version or of another folder is taken for empty.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAGIC = b"fastbuild file digests 1\n"
MARGIN_NS = 2_000_000_000
"""The coarsest clock of a common file system ticks every 2 s (FAT)."""
LARGEST = 256 << 20
"""Bytes; a larger index is not read."""
_HEAD = struct.Struct("<QQ")
_RECORD = struct.Struct("<QqqQI32s")
_Record = tuple[int, int, int, int, int, bytes]


class DigestIndex:
    """The digests of one folder's regular files, by path relative to it. Read at once, written by `save`.

    `now_ns` is when the look at the folder begins, in nanoseconds since 1970; the present unless given.
    """

    __slots__ = ("_changed", "_file", "_folder", "_newest", "_records")

    def __init__(self, file: Path, folder: Path, *, now_ns: int | None = None) -> None:
        self._file = file
        self._folder = os.fsencode(os.path.realpath(folder))
        self._newest = (time.time_ns() if now_ns is None else now_ns) - MARGIN_NS
        self._records = _read(file, self._folder)
        self._changed = False

    def __len__(self) -> int:
        """How many digests are known."""
        return len(self._records)

    def get(self, path: str, info: os.stat_result, mode: int) -> bytes | None:
        """The raw SHA-256 under which the file was hashed; None if it changed since, or is new.

        `mode` is the one that was hashed, which need not be the file's own.
        """
        known = self._records.get(path)
        if known is None or known[1] != info.st_mtime_ns or known[2] != info.st_ctime_ns:
            return None
        if known[0] != info.st_size or known[3] != info.st_ino or known[4] != mode:
            return None
        return known[5]

    def put(self, path: str, info: os.stat_result, mode: int, digest: bytes) -> None:
        """Keep a digest; `info` is from before the file was read."""
        if max(info.st_mtime_ns, info.st_ctime_ns) >= self._newest:
            self._changed |= self._records.pop(path, None) is not None
            return
        times = info.st_mtime_ns, info.st_ctime_ns
        self._records[path] = (info.st_size, *times, info.st_ino, mode, digest)
        self._changed = True

    def save(self, is_gone: Callable[[str], bool]) -> None:
        """Write what changed, without files that are gone. A directory that can't be written is no error:
        the next build hashes again."""
        if not self._changed:
            return
        for path in [path for path in self._records if is_gone(path)]:
            del self._records[path]
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_bytes(_packed(self._folder, self._records))
            beside.replace(self._file)
        except (OSError, struct.error):
            with suppress(OSError):
                beside.unlink()
        self._changed = False


def _packed(folder: bytes, records: dict[str, _Record]) -> bytes:
    paths = os.fsencode("\0".join(records))
    body = b"".join(_RECORD.pack(*record) for record in records.values())
    rest = _HEAD.pack(len(records), len(folder)) + folder + body + paths
    return MAGIC + hashlib.sha256(rest).digest() + rest


def _read(file: Path, folder: bytes) -> dict[str, _Record]:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError:
        return {}
    start = len(MAGIC) + 32
    rest = memoryview(data)[start:]
    if not data.startswith(MAGIC) or len(data) > LARGEST or len(rest) < _HEAD.size:
        return {}
    if hashlib.sha256(rest).digest() != data[len(MAGIC) : start]:
        return {}
    count, length = _HEAD.unpack_from(rest)
    records = _HEAD.size + length
    paths = records + count * _RECORD.size
    if paths > len(rest) or rest[_HEAD.size : records] != folder:
        return {}
    names = os.fsdecode(bytes(rest[paths:])).split("\0") if count else []
    if len(names) != count:
        return {}
    return dict(zip(names, _RECORD.iter_unpack(rest[records:paths]), strict=True))
