"""Small builds made by hand: operations, their keys, and the contents of what they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.explain.perfect_cache import Build, pinned
from fastbuild.explain.replay import Instruction, Moment
from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.ops import Input, OpKey, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping


def op(digest: str, kind: str, *inputs: str, identifier: str = "", ignore_cache: bool = False) -> Op:
    return Op(
        digest=digest,
        kind=kind,
        body={"identifier": identifier} if identifier else {},
        inputs=tuple((each, 0) for each in inputs),
        platform=("", "", ""),
        name=digest,
        lines=(),
        ignore_cache=ignore_cache,
        weak=False,
    )


def key(text: str, *inputs: Input) -> OpKey:
    return OpKey(digest=f"sha256:{text}", plaintext=text, inputs=inputs)


BASE = op("base", "source", identifier="docker-image://busybox")
CONTEXT = op("context", "source", identifier="local://context")
ROOT = Input()


def taken(path: str) -> Input:
    return Input(selections=(Selection(path=path),))


def build(run: str = "make", **contents: str) -> Build:
    """COPY lib and RUN in a first stage; COPY src, COPY from the first stage and RUN in the second."""
    ops = (
        BASE,
        CONTEXT,
        op("copy lib", "file", "base", "context"),
        op("make", "exec", "copy lib"),
        op("copy src", "file", "base", "context"),
        op("copy made", "file", "copy src", "make"),
        op("run", "exec", "copy made"),
    )
    graph = Graph(ops=ops, final="run")
    keys: Mapping[str, OpKey | None] = {
        "base": key("busybox"),
        "context": None,
        "copy lib": key("copy lib", ROOT, taken("/lib")),
        "make": key(run, ROOT),
        "copy src": key("copy src", ROOT, taken("/src")),
        "copy made": key("copy made", ROOT, taken("/out")),
        "run": key("run", ROOT),
    }
    found = {(f"copy {name}", 1): f"sha256:{content}" for name, content in contents.items()}
    return Build(graph=graph, keys=pinned(graph, keys), contents=found)


SECONDS = {"copy lib": 0.5, "make": 10.0, "copy src": 0.5, "copy made": 0.25, "run": 4.0}


def moment(*changed: str, run: str = "make", **contents: str) -> Moment:
    instructions = tuple(
        Instruction(text=name, place=("", "", n), line=n, ops=(name,), seconds=spent, measured=True)
        for n, (name, spent) in enumerate(SECONDS.items(), 1)
    )
    return Moment(build=build(run, **contents), instructions=instructions, changed=changed)
