"""BuildKit's digests of blobs, kept on disk: a blob never changes, so neither does its digest.

One file per repository: magic, SHA-256 of the rest, then fixed records. What is corrupt or of another
version is taken for empty.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"fastbuild blob digests 1\n"
LARGEST = 256 << 20
"""Bytes; a larger file is not read."""
_RECORD = struct.Struct("<32sBB32s")
_HASH = 32


class BlobDigests:
    """Digests by a blob's id and how it is checked out. Read at once, written by `save`."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known = _read(file) if file is not None else {}
        self._changed = False

    def __len__(self) -> int:
        """How many digests are known."""
        return len(self._known)

    def get(self, id: str, how: int) -> tuple[bytes, int] | None:
        """The raw SHA-256 of header and bytes and a note on the bytes; `how` numbers a way to check out."""
        return self._known.get((bytes.fromhex(id), how))

    def put(self, id: str, how: int, digest: bytes, note: int) -> None:
        """Keep a digest; `how` and `note` are below 256."""
        self._known[bytes.fromhex(id), how] = digest, note
        self._changed = True

    def save(self) -> None:
        """Write what is new. A place that can't be written is no error: the next replay hashes again."""
        if self._file is None or not self._changed:
            return
        records = b"".join(
            _RECORD.pack(id, how | (len(id) == _HASH) << 7, note, digest)
            for (id, how), (digest, note) in self._known.items()
        )
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(MAGIC + hashlib.sha256(records).digest() + records)
            beside.replace(self._file)
        except OSError:
            beside.unlink(missing_ok=True)
            return
        self._changed = False


def _read(file: Path) -> dict[tuple[bytes, int], tuple[bytes, int]]:
    try:
        if file.stat().st_size > LARGEST:
            return {}
        data = file.read_bytes()
    except OSError:
        return {}
    start = len(MAGIC) + _HASH
    records = data[start:]
    if not data.startswith(MAGIC) or len(records) % _RECORD.size:
        return {}
    if hashlib.sha256(records).digest() != data[len(MAGIC) : start]:
        return {}
    return {
        (id if how & 128 else id[:20], how & 127): (digest, note)
        for id, how, note, digest in _RECORD.iter_unpack(records)
    }
