from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastbuild.keys import bbolt
from fastbuild.keys.bbolt import BoltError, Bucket, read_bolt
from fastbuild.keys.store import StoreError, read_store
from tests.keys.recorded import STORE

DATA = STORE.read_bytes()
PAGE = 4096


def contents(bucket: Bucket) -> dict[bytes, object]:
    return {**dict(bucket.items()), **{name: contents(below) for name, below in bucket.buckets()}}


def meta(page: int, root: int, pages: int, txid: int, size: int = PAGE) -> bytes:
    head = struct.pack("=QHHI", page, 4, 0, 0)
    fields = struct.pack("=IIIIQQQQQ", 0xED0CDAED, 2, size, 0, root, 0, 0, pages, txid)
    return (head + fields + struct.pack("=Q", bbolt._fnv(fields))).ljust(PAGE, b"\0")


def leaf(page: int, entries: list[tuple[int, bytes, bytes]], size: int = PAGE) -> bytes:
    head, body = struct.pack("=QHHI", page, 2, len(entries), 0), b""
    elements = b""
    for index, (flags, key, value) in enumerate(entries):
        position = (len(entries) - index) * 16 + len(body)
        elements += struct.pack("=IIII", flags, position, len(key), len(value))
        body += key + value
    return (head + elements + body).ljust(size, b"\0")


def branch(page: int, children: list[int]) -> bytes:
    elements = b"".join(struct.pack("=IIQ", 0, 0, child) for child in children)
    return (struct.pack("=QHHI", page, 1, len(children), 0) + elements).ljust(PAGE, b"\0")


def inline(entries: list[tuple[int, bytes, bytes]]) -> bytes:
    return struct.pack("=QQ", 0, 0) + leaf(0, entries, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def test_values_buckets_and_branches_are_read_in_order(path: Path) -> None:
    below = struct.pack("=QQ", 5, 0)
    path.write_bytes(
        meta(0, 2, 6, 8)
        + meta(1, 2, 6, 7)
        + branch(2, [3, 4])
        + leaf(3, [(0, b"a", b"1"), (1, b"b", inline([(0, b"x", b"2"), (0, b"y", b"")]))])
        + leaf(4, [(1, b"c", below), (0, b"d", b"4")])
        + leaf(5, [(0, b"z", b"3" * 3000)])
    )
    root = read_bolt(path)
    assert contents(root) == {
        b"a": b"1",
        b"b": {b"x": b"2", b"y": b""},
        b"c": {b"z": b"3" * 3000},
        b"d": b"4",
    }
    assert root.bucket(b"a") is None
    assert root.bucket(b"c") is not None


@pytest.mark.parametrize(("first", "second"), [(5, 6), (7, 6)])
def test_the_newest_transaction_counts(path: Path, first: int, second: int) -> None:
    old, new = leaf(2, [(0, b"a", b"old")]), leaf(3, [(0, b"a", b"new")])
    roots = (2, 3) if second > first else (3, 2)
    path.write_bytes(meta(0, roots[0], 4, first) + meta(1, roots[1], 4, second) + old + new)
    assert dict(read_bolt(path).items()) == {b"a": b"new"}


@pytest.mark.parametrize("broken", [0, 1])
def test_a_meta_page_with_a_wrong_sum_is_passed_over(path: Path, broken: int) -> None:
    pages = [meta(0, 2, 3, 8), meta(1, 2, 3, 9)]
    pages[broken] = pages[broken][:30] + b"\xff" + pages[broken][31:]
    path.write_bytes(b"".join(pages) + leaf(2, [(0, b"a", b"1")]))
    assert dict(read_bolt(path).items()) == {b"a": b"1"}


@pytest.mark.parametrize(
    "pages",
    [
        branch(2, [2]),  # a loop
        branch(2, [9]),  # outside
        branch(2, [3]) + branch(3, [2]),
        leaf(9, []),  # another page's
        leaf(2, [(1, b"a", b"")]),  # a bucket without a header
        leaf(2, [(1, b"a", struct.pack("=QQ", 0, 0))]),
        struct.pack("=QHHI", 2, 2, 60000, 0).ljust(PAGE, b"\0"),
        struct.pack("=QHHI", 2, 2, 1, 1 << 31).ljust(PAGE, b"\0"),
        (struct.pack("=QHHI", 2, 2, 1, 0) + struct.pack("=IIII", 0, 16, 1 << 31, 5)).ljust(PAGE, b"\0"),
        struct.pack("=QHHI", 2, 16, 0, 0).ljust(PAGE, b"\0"),
    ],
)
def test_damaged_pages_are_an_error(path: Path, pages: bytes) -> None:
    count = 2 + len(pages) // PAGE
    path.write_bytes(meta(0, 2, count, 8) + meta(1, 2, count, 7) + pages)
    with pytest.raises(BoltError):
        contents(read_bolt(path))


def test_a_file_that_is_too_large_or_cut_off_is_refused_before_it_is_read(path: Path) -> None:
    path.write_bytes(meta(0, 2, 1 << 40, 8) + meta(1, 2, 1 << 40, 7))
    with pytest.raises(BoltError, match="more than"):
        read_bolt(path)
    path.write_bytes(meta(0, 2, 100, 8) + meta(1, 2, 100, 7))
    with pytest.raises(BoltError, match="cut off"):
        read_bolt(path)


def test_a_file_that_never_rests_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(meta(0, 2, 3, 8) + meta(1, 2, 3, 7) + leaf(2, []))
    read, txid = bbolt._read, 8

    def read_while_it_changes(descriptor: int, size: int) -> bytes:
        nonlocal txid
        data = read(descriptor, size)
        txid += 1
        whole = bytearray(path.read_bytes())
        place = txid % 2 * PAGE
        whole[place : place + PAGE] = meta(txid % 2, 2, 3, txid)
        path.write_bytes(bytes(whole))
        return data

    monkeypatch.setattr(bbolt, "_read", read_while_it_changes)
    with pytest.raises(BoltError, match="changes faster"):
        read_bolt(path, seconds=0.05)


def test_a_replaced_file_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = path.with_suffix(".new")
    path.write_bytes(meta(0, 2, 3, 8) + meta(1, 2, 3, 7) + leaf(2, [(0, b"a", b"old")]))
    beside.write_bytes(meta(0, 2, 3, 8) + meta(1, 2, 3, 7) + leaf(2, [(0, b"a", b"new")]))
    read = bbolt._read

    def read_while_it_is_replaced(descriptor: int, size: int) -> bytes:
        if beside.exists():
            beside.replace(path)
        return read(descriptor, size)

    monkeypatch.setattr(bbolt, "_read", read_while_it_is_replaced)
    assert dict(read_bolt(path).items()) == {b"a": b"new"}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, len(DATA)),
)
@example([], len(DATA))
def test_any_damage_is_read_or_refused(changes: list[tuple[int, bytes]], length: int) -> None:
    data = bytearray(DATA)
    for place, new in changes:
        data[place : place + len(new)] = new
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        path.write_bytes(bytes(data[: max(length, len(DATA) // 2)]))
        try:
            read_store(path)
        except StoreError:
            return
