"""Reading a bbolt database that another process may be writing.

Format: go.etcd.io/bbolt v1.5, internal/common/{page,meta,bucket}.go. No PyPI library reads it (`boltdb` 0.0.2
of 2020 is a stub), and bbolt itself takes a lock, which would wait for the daemon.

bbolt never overwrites a page that the last committed transaction uses: transaction t+1 writes only to pages
that are free in t, then replaces the older of two meta pages. So the pages read are those of transaction t if
t was the newest one before and after the reading; otherwise they are read again.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 1 << 30
"""Larger files are refused: the store of a thousand builds has 16 MB."""
_MAGIC, _VERSION = 0xED0CDAED, 2
_BRANCH, _LEAF, _BUCKET = 0x01, 0x02, 0x01
_HEADER = struct.Struct("=QHHI")  # page id, flags, count, overflow; the format has the machine's byte order
_META = struct.Struct(
    "=IIIIQQQQQQ"
)  # magic, version, page size, flags, root, sequence, freelist, pages, txid, sum
_LEAF_ELEMENT = struct.Struct("=IIII")  # flags, position from the element, key size, value size
_BRANCH_ELEMENT = struct.Struct("=IIQ")  # position, key size, page
_BUCKET_HEADER = struct.Struct("=QQ")  # root page (0: the page follows), sequence
_PAGE_SIZES = tuple(1024 << n for n in range(7))
_DEEPEST = 64
"""More levels than any tree of 2^64 pages has."""


class BoltError(ValueError):
    """The file is no bbolt database, is damaged, or changes faster than it can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meta:
    page_size: int
    root: int
    pages: int
    txid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of one committed transaction: keys with values, and buckets below."""

    data: bytes
    page_size: int
    root: int
    inline: bytes = b""

    def bucket(self, name: bytes) -> Bucket | None:
        """The bucket of that name directly below, or None. Raises BoltError."""
        for flags, key, value in self._elements():
            if key == name and flags & _BUCKET:
                return self._below(value)
        return None

    def buckets(self) -> Iterator[tuple[bytes, Bucket]]:
        """The buckets directly below, by name. Raises BoltError."""
        for flags, key, value in self._elements():
            if flags & _BUCKET:
                yield key, self._below(value)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """The keys that are no buckets, with their values. Raises BoltError."""
        for flags, key, value in self._elements():
            if not flags & _BUCKET:
                yield key, value

    def _below(self, value: bytes) -> Bucket:
        if len(value) < _BUCKET_HEADER.size:
            raise BoltError("a bucket has no header")
        root, _ = _BUCKET_HEADER.unpack_from(value)
        inline = b"" if root else value[_BUCKET_HEADER.size :]
        return Bucket(data=self.data, page_size=self.page_size, root=root, inline=inline)

    def _elements(self) -> Iterator[tuple[int, bytes, bytes]]:
        if not self.root:
            yield from _leaves(self.inline, 0, len(self.inline))
            return
        seen: set[int] = set()
        todo = [(self.root, 0)]
        while todo:
            page, depth = todo.pop()
            if page in seen or depth > _DEEPEST:
                raise BoltError("the pages form a loop")
            seen.add(page)
            start, end, branch = self._bounds(page)
            if branch:
                todo.extend((child, depth + 1) for child in reversed(_children(self.data, start, end)))
            else:
                yield from _leaves(self.data, start, end)

    def _bounds(self, page: int) -> tuple[int, int, bool]:
        start = page * self.page_size
        if start + _HEADER.size > len(self.data):
            raise BoltError("a page lies outside the file")
        number, flags, _, overflow = _HEADER.unpack_from(self.data, start)
        end = start + (overflow + 1) * self.page_size
        if number != page or flags not in (_BRANCH, _LEAF) or end > len(self.data):
            raise BoltError("a page is damaged")
        return start, end, flags == _BRANCH


def _children(data: bytes, start: int, end: int) -> list[int]:
    count = _HEADER.unpack_from(data, start)[2]
    first = start + _HEADER.size
    if first + count * _BRANCH_ELEMENT.size > end:
        raise BoltError("a page is damaged")
    return [
        _BRANCH_ELEMENT.unpack_from(data, first + index * _BRANCH_ELEMENT.size)[2] for index in range(count)
    ]


def _leaves(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, bytes]]:
    if start + _HEADER.size > end:
        raise BoltError("a page is damaged")
    _, kind, count, _ = _HEADER.unpack_from(data, start)
    first = start + _HEADER.size
    if kind != _LEAF or first + count * _LEAF_ELEMENT.size > end:
        raise BoltError("a page is damaged")
    for index in range(count):
        place = first + index * _LEAF_ELEMENT.size
        flags, position, key_size, value_size = _LEAF_ELEMENT.unpack_from(data, place)
        key = place + position
        if key + key_size + value_size > end:
            raise BoltError("an entry lies outside its page")
        value = key + key_size
        yield flags, data[key:value], data[value : value + value_size]


def read_bolt(path: Path, *, seconds: float = 2.0) -> Bucket:
    """The root bucket as of the newest transaction; takes no lock and waits for nobody.

    Reads again for up to ``seconds`` while the file changes. Raises BoltError, and OSError for a file that
    can't be read.
    """
    until = time.monotonic() + seconds
    pause = 0.001
    while True:
        root = _try(path)
        if root is not None:
            return root
        if time.monotonic() > until:
            raise BoltError("the file changes faster than it can be read")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _try(path: Path) -> Bucket | None:
    """The root bucket, or None if a transaction was committed or the file replaced meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = _newest(descriptor)
        size = before.page_size * before.pages
        if size > MOST_BYTES:
            raise BoltError(f"the file has more than {MOST_BYTES} bytes")
        data = _read(descriptor, size)
        after = _newest(descriptor)
        info = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if before.txid != after.txid or info.st_ino != path.stat().st_ino:
        return None
    if len(data) < size:
        raise BoltError("the file is cut off")
    return Bucket(data=data, page_size=before.page_size, root=before.root)


def _read(descriptor: int, size: int) -> bytes:
    parts, place = [], 0
    while place < size:
        part = os.pread(descriptor, min(size - place, 1 << 26), place)
        if not part:
            break
        parts.append(part)
        place += len(part)
    return b"".join(parts)


def _newest(descriptor: int) -> _Meta:
    """The valid meta page with the highest transaction. The second one lies at the page size."""
    head = os.pread(descriptor, _HEADER.size + _META.size, 0)
    first = _meta(head, 0)
    sizes = (first.page_size,) if first else _PAGE_SIZES
    found = [first] if first else []
    for size in sizes:
        second = _meta(os.pread(descriptor, _HEADER.size + _META.size, size), 0)
        if second is not None and second.page_size == size:
            found.append(second)
    if not found:
        raise BoltError("no bbolt database")
    return max(found, key=lambda meta: meta.txid)


def _meta(page: bytes, start: int) -> _Meta | None:
    if len(page) < start + _HEADER.size + _META.size:
        return None
    fields = page[start + _HEADER.size : start + _HEADER.size + _META.size]
    magic, version, size, _, root, _, _, pages, txid, checksum = _META.unpack(fields)
    if (magic, version) != (_MAGIC, _VERSION) or size not in _PAGE_SIZES or checksum != _fnv(fields[:-8]):
        return None
    return _Meta(page_size=size, root=root, pages=pages, txid=txid)


def _fnv(data: bytes) -> int:
    """FNV-1a of 64 bits: draft-eastlake-fnv, section 4."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
