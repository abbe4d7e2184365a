"""The build graph as BuildKit's Dockerfile frontend makes it, read from its `frontend.convertllb`.

The text is the JSON of frontend/subrequests/convertllb: `def` (digest → operation as protojson),
`metadata` (digest → name and options) and `source` (digest → lines of the Dockerfile).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fastbuild.keys import wire
from fastbuild.keys.op_names import own_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEADING = "result.json"
"""buildctl prints the name of an answer's part before it."""
MOST = 64 << 20
"""The most characters read: a graph has a few thousand for each step."""
MESSAGES = {"exec": "ExecOp", "file": "FileOp", "merge": "MergeOp", "diff": "DiffOp"}
MESSAGES |= {"passthrough": "PassthroughOp"}
KINDS = ("source", "build", *MESSAGES)


class GraphError(ValueError):
    """A text that is no graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation.

    `digest` is that of its definition, which differs from run to run where the context is below.
    `kind` is "source", "exec", "file", "merge", "diff", "build" or "passthrough"; `body` is the protojson
    of that kind. `inputs` are digests, each with the index of the output that is used. `platform` is
    operating system, architecture and variant, empty where the operation carries none. `lines` are
    ranges in the Dockerfile: first and last line, from 1. `weak`: it works for a `COPY --link` and is
    shown as a part of it. `also` are other names under which a build of several platforms may show it.
    """

    digest: str
    kind: str
    body: Mapping[str, Any]
    inputs: tuple[tuple[str, int], ...]
    platform: tuple[str, str, str]
    name: str
    lines: tuple[tuple[int, int], ...]
    ignore_cache: bool
    weak: bool
    os_version: str = ""
    os_features: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All operations, each after its inputs; `final` makes the image and is empty for an empty image.

    `other_finals` make the images of further platforms.
    """

    ops: tuple[Op, ...]
    final: str
    other_finals: tuple[str, ...] = ()
    _by_digest: Mapping[str, Op] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_digest", MappingProxyType({op.digest: op for op in self.ops}))

    @property
    def finals(self) -> tuple[str, ...]:
        """What makes the images; none for an empty image."""
        return tuple(digest for digest in (self.final, *self.other_finals) if digest)

    def op(self, digest: str) -> Op:
        """The operation with that digest; raises KeyError where there is none."""
        return self._by_digest[digest]


def read_graph(text: str) -> Graph:
    """The graph in an answer to `frontend.convertllb`; raises GraphError for anything else."""
    document = _object(_parsed(text), "the answer")
    defined = _object(document.get("def"), "def")
    metadata = _optional(document.get("metadata"), "metadata")
    source = _optional(document.get("source"), "source")
    locations = _optional(source.get("locations"), "locations")
    ops = {}
    for digest, raw in defined.items():
        try:
            ops[digest] = _op(digest, raw, metadata.get(digest), locations.get(digest))
        except GraphError as error:
            raise GraphError(f"{_short(digest)}: {error}") from error
    return _ordered(ops)


def with_names(text: str, names: Mapping[str, str]) -> str:
    """An answer that `read_graph` takes, with other names for those operations, by digest."""
    document = _object(_parsed(text), "the answer")
    for digest, name in names.items():
        document["metadata"][digest]["description"]["llb.customname"] = name
    return json.dumps(document)


def _parsed(text: str) -> object:
    start = text.lstrip()
    if start.startswith(HEADING):
        start = start[len(HEADING) :]
    if len(start) > MOST:
        raise GraphError(f"the answer has more than {MOST:,} characters")
    try:
        return json.loads(start)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"the answer is not JSON: {_short(str(error))}") from error


def _op(digest: str, raw: object, meta: object, places: object) -> Op:
    fields, options = _object(raw, "operation"), _optional(meta, "metadata")
    kinds = [kind for kind in KINDS if fields.get(kind) is not None]
    if len(kinds) > 1:
        raise GraphError(f"both {kinds[0]} and {kinds[1]}")
    kind = kinds[0] if kinds else ""
    body = _object(fields[kind], kind) if kind else {}
    _check(kind, body)
    platform = _optional(fields.get("platform"), "platform")
    group = _optional(options.get("progress_group"), "progress_group")
    description = _optional(options.get("description"), "description")
    return Op(
        digest=digest,
        kind=kind,
        body=body,
        inputs=tuple(_input(item) for item in _list(fields.get("inputs"), "inputs")),
        platform=(_text(platform, "OS"), _text(platform, "Architecture"), _text(platform, "Variant")),
        name=_text(description, "llb.customname"),
        lines=tuple(dict.fromkeys(_lines(places))),
        ignore_cache=options.get("ignore_cache") is True,
        weak=group.get("weak") is True,
        os_version=_text(platform, "OSVersion"),
        os_features=tuple(_string(item) for item in _list(platform.get("OSFeatures"), "OSFeatures")),
    )


def _check(kind: str, body: Mapping[str, Any]) -> None:
    """Refuse what can't be hashed; a field of a newer BuildKit is none of that."""
    try:
        if kind in MESSAGES:
            wire.message(MESSAGES[kind], body, strict=False)
    except wire.WireError as error:
        raise GraphError(str(error)) from error
    if kind == "source":
        _text(body, "identifier")
        attrs = _optional(body.get("attrs"), "attrs")
        for name in attrs:
            _text(attrs, name)


def _input(raw: object) -> tuple[str, int]:
    fields = _object(raw, "input")
    index = _number(fields.get("index", 0))
    if index < 0:
        raise GraphError("an output has a number below 0")
    return _text(fields, "digest"), index


def _lines(places: object) -> Iterator[tuple[int, int]]:
    for raw in _list(_optional(places, "locations").get("locations"), "locations"):
        place = _object(raw, "location")
        if _number(place.get("sourceIndex", 0)) != 0:
            continue  # another file than the Dockerfile
        found: list[tuple[int, int]] = []
        for item in _list(place.get("ranges"), "ranges"):
            first, last = _range(item)
            if found and first == found[-1][1] + 1:  # a here-document has a range for each line
                first = found.pop()[0]
            if first > 0:
                found.append((first, last))
        yield from found


def _range(item: object) -> tuple[int, int]:
    span = _object(item, "range")
    first = _line(span.get("start"))
    return first, max(first, _line(span.get("end")))


def _line(raw: object) -> int:
    return _number(_optional(raw, "position").get("line", 0))


def _ordered(ops: dict[str, Op]) -> Graph:
    """The graph of the one operation that only points to the result."""
    if not ops:
        return Graph(ops=(), final="")
    pointers = [op for op in ops.values() if not op.kind]
    if len(pointers) != 1 or len(pointers[0].inputs) != 1:
        raise GraphError("there is not one result")
    final = pointers[0].inputs[0][0]
    order = [op for op in _walk(ops, pointers[0]) if op.kind]
    if len(order) + 1 != len(ops):
        raise GraphError("there are operations that nothing uses")
    named: dict[str, Op] = {}
    for op in order:
        named[op.digest] = (
            op if op.name else replace(op, name=own_name(op, [named[digest].name for digest, _ in op.inputs]))
        )
    return Graph(ops=tuple(named.values()), final=final)


def _walk(ops: Mapping[str, Op], last: Op) -> Iterator[Op]:
    """Depth first, without recursion: a graph may be deeper than Python's stack."""
    done: set[str] = set()
    pending = [(last.digest, iter(last.inputs))]
    open_now = {last.digest}
    while pending:
        digest, rest = pending[-1]
        below = next(rest, None)
        if below is None:
            pending.pop()
            open_now.discard(digest)
            done.add(digest)
            yield ops[digest]
        elif below[0] in open_now:
            raise GraphError("an operation needs its own result")
        elif below[0] not in ops:
            raise GraphError(f"{_short(below[0])} is used and not there")
        elif below[0] not in done:
            open_now.add(below[0])
            pending.append((below[0], iter(ops[below[0]].inputs)))


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphError(f"{what}: an object was expected")
    return value


def _optional(value: object, what: str) -> dict[str, Any]:
    return {} if value is None else _object(value, what)


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise GraphError(f"{what}: a list was expected")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    return _string(fields.get(name, ""))


def _string(value: object) -> str:
    try:
        return wire.string(value)
    except wire.WireError as error:
        raise GraphError(str(error)) from error


def _number(value: object) -> int:
    try:
        return wire.integer("int64", value)
    except wire.WireError as error:
        raise GraphError(str(error)) from error


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"
