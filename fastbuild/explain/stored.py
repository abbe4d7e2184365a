"""Side files as bytes: gzip over compact JSON, the same bytes for the same values.

Reading trusts nothing: sizes, depths and counts are bounded before memory is taken, references point
backwards only, and anything else is a SideFileError.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from dataclasses import fields
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_type_hints

from fastbuild.explain import sidefile, trees
from fastbuild.explain.sidefile import (
    VERSION,
    BaseImage,
    Earlier,
    InputKind,
    Origin,
    SideFile,
    SideFileError,
    StepInput,
    StepKey,
    Variable,
)
from fastbuild.explain.trees import FREE, Entry, Kind

if TYPE_CHECKING:
    from fastbuild.explain.trees import Node

FORMAT = "fastbuild-side-file"
MOST = 8_000_000
"""Bytes of JSON that are read at most: four times what trees are written with."""
MOST_PARTS = 100_000
"""Arrays and objects in it."""
MOST_VALUES = 1_000_000
MOST_STEPS = 1_000
MOST_EARLIER = 20
"""Earlier builds that are read; at most four are written."""
MOST_FILES = 2_000_000
"""Files in a tree, counted as often as they appear."""
DEEPEST = 500
"""Directories within one another."""
_HUGE = 1 << 53


def to_json(side: SideFile) -> bytes:
    """The side file as bytes, compressed; equal values give equal bytes."""
    raw = {"format": FORMAT, **_plain(side, skip=("nodes",)), "nodes": [_flat(node) for node in side.nodes]}
    text = json.dumps(raw, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)


def _plain(value: Any, skip: tuple[str, ...] = ()) -> Any:
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        pairs = ((f.name, f.default, getattr(value, f.name)) for f in fields(value) if f.name not in skip)
        return {name: _plain(held) for name, default, held in pairs if held != default or name == "version"}
    return value


def _flat(node: Node) -> list[Any]:
    found: list[Any] = []
    for each in node:
        what: Any = each.node if each.kind is Kind.DIRECTORY else each.digest
        found += [each.name, str(each.kind), each.mode, what]
        if each.kind is Kind.MANY:
            found.append(each.files)
    return found


def from_json(data: bytes) -> SideFile:
    """The inverse of `to_json`. Raises SideFileError for everything that isn't a whole, sane side file."""
    try:
        return _side(_parsed(_text(data)))
    except SideFileError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError) as error:
        raise SideFileError(f"this is no side file: {type(error).__name__}") from error


def _text(data: bytes) -> bytes:
    try:
        unpack = zlib.decompressobj(wbits=31)
        text = unpack.decompress(data, MOST + 1)
    except zlib.error as error:
        raise SideFileError("this is no side file: it isn't gzip") from error
    if len(text) > MOST:
        raise SideFileError(f"the side file is larger than {MOST} bytes")
    if not unpack.eof:
        raise SideFileError("the side file is cut off")
    parts = text.count(b"[") + text.count(b"{")
    if parts > MOST_PARTS or text.count(b",") > MOST_VALUES:
        raise SideFileError("the side file has too many parts")
    return text


def _parsed(text: bytes) -> dict[str, Any]:
    raw = json.loads(text, parse_constant=_refuse)
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise SideFileError("this is no side file")
    if raw.get("version") != VERSION:
        raise SideFileError(f"this fastbuild reads side files of version {VERSION} only")
    return raw


def _refuse(text: str) -> float:
    raise SideFileError(f"this is no side file: {text} is no number")


def _side(raw: dict[str, Any]) -> SideFile:
    nodes = _nodes(raw.get("nodes", []))
    lists = {
        "bases": tuple(_record(BaseImage, each) for each in _list(raw, "bases")),
        "variables": tuple(_record(Variable, each) for each in _list(raw, "variables")),
        "steps": _steps(_list(raw, "steps"), len(nodes)),
        "nodes": nodes,
        "earlier": _earlier(raw.get("earlier")),
    }
    side: SideFile = _record(SideFile, raw, **lists)
    return side


def _earlier(raw: Any) -> tuple[Earlier, ...]:
    """What can't be read of them is none: the file tells of its own build without them."""
    if not isinstance(raw, list) or len(raw) > MOST_EARLIER:
        return ()
    try:
        return tuple(_record(Earlier, each) for each in raw if len(_list(each, "steps")) <= MOST_STEPS)
    except (SideFileError, TypeError):
        return ()


def _steps(raw: list[Any], nodes: int) -> tuple[StepKey, ...]:
    if len(raw) > MOST_STEPS:
        raise SideFileError("the side file has too many steps")
    found: list[StepKey] = []
    for number, each in enumerate(raw):
        inputs = tuple(_record(StepInput, one) for one in _list(each, "inputs"))
        for one in inputs:
            if not -1 <= one.step < number or not -1 <= one.tree < nodes:
                raise SideFileError("the side file refers to what it doesn't hold")
            if (one.kind is InputKind.STEP) != (one.step >= 0):
                raise SideFileError("the side file has an input without a source")
        lines = tuple(_range(pair) for pair in _list(each, "lines"))
        found.append(_record(StepKey, each, inputs=inputs, lines=lines))
    return tuple(found)


def _range(pair: Any) -> tuple[int, int]:
    first, last = pair
    if not (type(first) is type(last) is int and 0 < first <= last < _HUGE):
        raise SideFileError("the side file has a line that can't be")
    return first, last


def _list(raw: Any, key: str) -> list[Any]:
    found = raw.get(key, []) if isinstance(raw, dict) else None
    if not isinstance(found, list):
        raise SideFileError(f"the side file's {key} are no list")
    return found


_NAMES = {**vars(sidefile), **vars(trees)}
_HINTS = {
    type_: get_type_hints(type_, _NAMES)
    for type_ in (SideFile, StepKey, StepInput, Variable, BaseImage, Earlier)
}


def _record(type_: Any, raw: Any, **given: Any) -> Any:
    """A record whose plain fields are checked; names that a later fastbuild added are passed over."""
    if not isinstance(raw, dict):
        raise SideFileError("the side file has a part that is no object")
    hints = _HINTS[type_]
    own = {name: _plain_value(hints[name], raw[name]) for name in hints if name in raw and name not in given}
    return type_(**own, **given)


def _plain_value(hint: Any, value: Any) -> Any:
    if hint in (Origin, InputKind):
        return hint(value)
    if not _fits(hint, value):
        raise SideFileError("the side file has a value of a wrong type")
    if hint == tuple[str, ...]:
        return tuple(value)
    return float(value) if hint in _FLOATS else value


_FLOATS = (float, float | None)


def _fits(hint: Any, value: Any) -> bool:
    if hint == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if hint in _FLOATS:
        return type(value) in (int, float) and math.isfinite(value) and abs(value) < _HUGE
    if hint is int:
        return type(value) is int and abs(value) < _HUGE
    return type(value) is (bool if hint in (bool, bool | None) else str)


def _nodes(raw: Any) -> tuple[Node, ...]:
    if not isinstance(raw, list):
        raise SideFileError("the side file's nodes are no list")
    found: list[Node] = []
    files: list[int] = []
    depths: list[int] = []
    for flat in raw:
        node = _node(flat, len(found))
        below = [each.node for each in node if each.kind is Kind.DIRECTORY]
        files.append(len(node) + sum(files[number] for number in below))
        depths.append(1 + max((depths[number] for number in below), default=0))
        if files[-1] > MOST_FILES or depths[-1] > DEEPEST:
            raise SideFileError("the side file's trees are too large")
        found.append(node)
    return tuple(found)


def _node(flat: Any, before: int) -> Node:
    if not isinstance(flat, list):
        raise SideFileError("the side file's nodes are no lists")
    entries: list[Entry] = []
    items = iter(flat)
    for name in items:
        kind, mode, what = Kind(next(items, "")), next(items, None), next(items, None)
        files = next(items, None) if kind is Kind.MANY else 0
        entries.append(_entry(name, kind, mode, what, files, before))
    names = [each.name for each in entries]
    if any(one >= other for one, other in pairwise(names)):
        raise SideFileError("the side file's names aren't in order")
    return tuple(entries)


def _entry(name: Any, kind: Kind, mode: Any, what: Any, files: Any, before: int) -> Entry:
    if type(name) is not str or name in (".", "..") or "/" in name or (not name and kind is not Kind.MANY):
        raise SideFileError("the side file has a path that can't be")
    if type(mode) is not int or not (mode == FREE or 0 <= mode <= 0o7777):
        raise SideFileError("the side file has a mode that can't be")
    if kind is Kind.DIRECTORY:
        if type(what) is not int or not 0 <= what < before:
            raise SideFileError("the side file refers to what it doesn't hold")
        return Entry(name=name, kind=kind, mode=mode, node=what)
    if type(what) is not str or type(files) is not int or not 0 <= files < _HUGE:
        raise SideFileError("the side file has a value of a wrong type")
    return Entry(name=name, kind=kind, mode=mode, digest=what, files=files)
