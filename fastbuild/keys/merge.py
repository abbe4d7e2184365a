"""One graph of several platforms' graphs, as one build has them: what is equal is one operation.

BuildKit tells operations apart by the digest of their definition (solver/jobs.go, `load`). A directory of the
client's carries the client's session in it, another in each answer of the frontend and one in a build: it
does not count here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.keys.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.keys.graph import Op

SESSIONS = frozenset({"local.session", "oci.session"})
"""Attributes of sources that hold the client's session (solver/pb/attr.go)."""


def merge(graphs: Sequence[Graph]) -> Graph:
    """All operations of `graphs`, one graph after the other, each operation once and after its inputs.

    An operation that several have keeps the digest and the name of the first; `Op.also` holds the others'
    names.
    """
    if len(graphs) == 1:
        return graphs[0]
    merged: dict[str, Op] = {}
    known: dict[str, str] = {}
    finals = []
    for graph in graphs:
        here: dict[str, str] = {}
        for own in graph.ops:
            op = replace(own, inputs=tuple((here[digest], index) for digest, index in own.inputs))
            digest = here[op.digest] = known.setdefault(_definition(op), op.digest)
            merged[digest] = _both(merged[digest], op) if digest in merged else op
        finals += [here[final] for final in graph.finals]
    first, *others = list(dict.fromkeys(finals)) or [""]
    return Graph(ops=tuple(merged.values()), final=first, other_finals=tuple(others))


def _both(op: Op, other: Op) -> Op:
    names = dict.fromkeys((*op.also, *other.also, other.name))
    return replace(
        op,
        also=tuple(name for name in names if name != op.name),
        lines=tuple(dict.fromkeys((*op.lines, *other.lines))),
    )


def _definition(op: Op) -> str:
    """What BuildKit makes the digest of, but for sessions."""
    return json.dumps(
        [op.kind, _lasting(op.body), op.inputs, op.platform, op.os_version, op.os_features], sort_keys=True
    )


def _lasting(body: Mapping[str, object]) -> dict[str, object]:
    attrs = body.get("attrs")
    if not isinstance(attrs, dict):
        return dict(body)
    return {**body, "attrs": {name: value for name, value in attrs.items() if name not in SESSIONS}}
