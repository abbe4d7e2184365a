from __future__ import annotations

import gzip
import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.explain.compare import explain
from fastbuild.explain.sidefile import SideFile, SideFileError
from fastbuild.explain.stored import FORMAT, from_json, to_json
from tests.explain.frontend import changed, side
from tests.explain.test_causes import APP

GOOD = side(changed(APP, files={"src/\udcff": "x", "src/link": "->app.py"}))
RAW = json.loads(gzip.decompress(to_json(GOOD)))


def packed(raw: Any) -> bytes:
    return gzip.compress(json.dumps(raw).encode())


def test_a_side_file_is_the_same_after_reading() -> None:
    assert from_json(to_json(GOOD)) == GOOD
    assert to_json(from_json(to_json(GOOD))) == to_json(GOOD)


def test_what_a_later_fastbuild_adds_is_passed_over() -> None:
    later = {**RAW, "new": [1], "steps": [{**each, "newer": {}} for each in RAW["steps"]]}
    assert from_json(packed(later)) == GOOD


def test_another_version_is_refused() -> None:
    with pytest.raises(SideFileError, match="version 1 only"):
        from_json(packed({**RAW, "version": 2}))


NODE = ["a", "f", 420, "x"]
ROWS: list[tuple[str, Any]] = [
    ("no object", []),
    ("nothing", {}),
    ("foreign", {"layers": [], "records": []}),
    ("no build", {"format": FORMAT, "version": 1}),
    ("a step for a list", {**RAW, "steps": {}}),
    ("a number for a step", {**RAW, "steps": [1]}),
    ("text for seconds", {**RAW, "steps": [{**RAW["steps"][0], "seconds": "1"}]}),
    ("huge number", {**RAW, "created": 10**400}),
    ("huge float", {**RAW, "created": 1e300}),
    ("huge line", {**RAW, "steps": [{**RAW["steps"][0], "lines": [[1, 10**30]]}]}),
    ("no such line", {**RAW, "steps": [{**RAW["steps"][0], "lines": [[3, 2]]}]}),
    ("a line of three", {**RAW, "steps": [{**RAW["steps"][0], "lines": [[1, 2, 3]]}]}),
    ("true for a number", {**RAW, "variables": [{**RAW["variables"][0], "line": True}]}),
    ("a step that needs itself", {**RAW, "steps": [{"name": "a", "inputs": [{"kind": "step", "step": 0}]}]}),
    (
        "a step below",
        {**RAW, "steps": [{"name": "a", "inputs": [{"kind": "step", "step": 1}]}, {"name": "b"}]},
    ),
    ("a step of no step", {**RAW, "steps": [{"name": "a", "inputs": [{"kind": "step"}]}]}),
    ("an unknown kind", {**RAW, "steps": [{"name": "a", "inputs": [{"kind": "moon"}]}]}),
    ("a tree that isn't there", {**RAW, "steps": [{"name": "a", "inputs": [{"kind": "none", "tree": 99}]}]}),
    ("a directory in itself", {**RAW, "nodes": [["a", "d", 0, 0]]}),
    ("a directory below", {**RAW, "nodes": [["a", "d", 0, 1], []]}),
    ("a path", {**RAW, "nodes": [["a/b", "f", 0, ""]]}),
    ("a way out", {**RAW, "nodes": [["..", "f", 0, ""]]}),
    ("no name", {**RAW, "nodes": [["", "f", 0, ""]]}),
    ("an odd mode", {**RAW, "nodes": [["a", "f", 0o10000, ""]]}),
    ("names twice", {**RAW, "nodes": [NODE + NODE]}),
    ("half an entry", {**RAW, "nodes": [NODE[:2]]}),
    ("a list for a kind", {**RAW, "nodes": [["a", [], 0, ""]]}),
    ("many steps", {**RAW, "steps": [{"name": "a"}] * 5000}),
    ("bomb of directories", {**RAW, "nodes": [[], *([["a", "d", 0, n, "b", "d", 0, n] for n in range(60)])]}),
    ("very deep", {**RAW, "nodes": [[], *([["a", "d", 0, n] for n in range(2000)])]}),
]


@pytest.mark.parametrize("raw", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_hostile_side_file_is_refused(raw: Any) -> None:
    with pytest.raises(SideFileError):
        from_json(packed(raw))


BYTES = [
    b"",
    b"no gzip",
    b"\x1f\x8b",
    gzip.compress(b""),
    gzip.compress(b"\xff\xfe"),
    gzip.compress(b"[" * 100_000),
    gzip.compress(b'{"a":' * 50_000),
    gzip.compress(b'{"format":NaN}'),
    gzip.compress(b"1" * 10_000_000),
    gzip.compress(b" " * 100_000_000),
    gzip.compress(b"[" + b"[]," * 4_000_000),
    gzip.compress(b"[" + b"1," * 4_000_000),
]


@pytest.mark.parametrize("data", BYTES, ids=range(len(BYTES)))
def test_bytes_that_are_no_side_file_are_refused(data: bytes) -> None:
    with pytest.raises(SideFileError):
        from_json(data)


@pytest.mark.parametrize("share", range(0, 100, 7))
def test_a_truncated_side_file_is_refused(share: int) -> None:
    whole = to_json(GOOD)
    with pytest.raises(SideFileError):
        from_json(whole[: len(whole) * share // 100])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(RAW)), inner, max_size=4)
    ),
    max_leaves=8,
)


def read(data: bytes) -> SideFile | None:
    try:
        return from_json(data)
    except SideFileError:
        return None


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_one_strange_part_is_refused_or_harmless(data: st.DataObject) -> None:
    """Whatever is read can be compared both ways, and ends."""
    raw = json.loads(json.dumps(RAW))
    place: Any = raw
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [
            k
            for k in (place if isinstance(place, dict) else range(len(place)))
            if isinstance(place[k], dict | list)
        ]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(sorted(inner, key=str)))]
    if place:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place))))
        )
        place[key] = data.draw(JSON)
    found = read(packed(raw))
    if found is not None:
        for reason in (*explain(found, [GOOD]), *explain(GOOD, [found])):
            assert reason.sentence.isprintable()


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 10_000), bits=st.integers(1, 255))
def test_flipped_bits_are_refused_or_change_nothing_but_the_header(position: int, bits: int) -> None:
    whole = bytearray(to_json(GOOD))
    whole[position % len(whole)] ^= bits
    assert read(bytes(whole)) in (None, GOOD)


@settings(max_examples=100, deadline=None)
@given(plaintext=JSON.map(json.dumps) | st.text(max_size=20), other=JSON.map(json.dumps))
def test_a_strange_plaintext_is_only_unknown(plaintext: str, other: str) -> None:
    def with_text(text: str, op: str) -> SideFile:
        raw = json.loads(json.dumps(RAW))
        for step in raw["steps"]:
            step["plaintext"], step["op"] = text, op
        return from_json(packed(raw))

    mine = with_text('{"Exec":{"meta":' + plaintext + ',"mounts":' + other + "}}", "sha256:a")
    theirs = with_text('{"Exec":{"meta":' + other + "}}", "sha256:b")
    for reason in (*explain(mine, [theirs]), *explain(theirs, [mine]), *explain(mine, [GOOD])):
        assert reason.sentence.isprintable()


def test_a_name_with_control_characters_cannot_reach_the_terminal() -> None:
    mine = side(changed(APP, files={"src/\x1b[2J\n\u202eevil`x": "1"}, ran="COPY src"))
    (reason,) = explain(mine, [side(APP)])
    assert reason.sentence == "`src/ [2J evil'x` was added"
