"""Which records each output of a graph leads to, in each cache.

Sources: solver/edge.go (`probeCache`, `recalcCurrentState`, `commitOptions`), solver/cachemanager.go
(`Query`, `getIDFromDeps`). A record is found if every input leads to it, from a record of the input or
from its content; a cache is searched by itself, because a record's inputs are all in one cache.

What was executed gets a record too, and where one with the same inputs exists it is that one. So below a step
that was executed although it had a record (`--no-cache-filter`) the next step is executed as well, for it is
not told that record; but the step after that is, and finds its old result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.keys.ops import record_key
from fastbuild.keys.reach import NONE, Here, Link, State, join, root_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey
    from fastbuild.keys.records import Records

Output = tuple[str, int]
"""An operation's digest and which of its outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked up, and where."""

    graph: Graph
    keys: Mapping[str, OpKey | None]
    contents: Mapping[Output, str]
    caches: Sequence[Records]


def states(question: Question) -> dict[Output, State]:
    """The state of every output that is used, and of the final ones."""
    graph = question.graph
    used: dict[str, set[int]] = {}
    for op in graph.ops:
        for digest, index in op.inputs:
            used.setdefault(digest, set()).add(index)
    for final in graph.finals:
        used.setdefault(final, set()).add(0)
    found: dict[Output, State] = {}
    for op in graph.ops:
        for index in sorted(used.get(op.digest, {0})):
            found[op.digest, index] = _state(question, found, op, index)
    return found


def _state(question: Question, found: Mapping[Output, State], op: Op, index: int) -> State:
    nothing = tuple(Here(awaited={}) for _ in question.caches)
    if is_local(op):
        return State(here=nothing)
    key = question.keys.get(op.digest)
    if key is None:
        what = "which version it takes" if op.kind == "source" else "its key"
        why = f"{what} is known only during the build: {op.name or op.kind}"
        return State(here=nothing, told=not op.ignore_cache, unknown=not op.ignore_cache, why=why)
    name = record_key(key.digest, index)
    here = []
    for number, cache in enumerate(question.caches):
        links = [
            Link(
                cache=cache,
                place=place,
                how=key.inputs[place],
                state=found[source],
                here=found[source].here[number],
                content=question.contents.get((op.digest, place)),
                name=name,
            )
            for place, source in enumerate(op.inputs)
        ]
        root = frozenset(filter(None, [cache.root(name)]))
        here.append(join(links, op) if links else root_here(root, op))
    kept = _one_key_each(question, [found[source].here for source in op.inputs], here)
    why = ""
    if [one.found for one in kept] != [one.found for one in here]:
        why = ONE_KEY
    elif any(one.result_perhaps - one.result or one.perhaps - one.found for one in kept):
        why = _why(question, found, op, key)
    return State(here=tuple(kept), told=not op.ignore_cache, why=why)


ONE_KEY = "two caches hold it or a step before it, and the engine goes on with either"


def _one_key_each(question: Question, inputs: Sequence[tuple[Here, ...]], here: list[Here]) -> list[Here]:
    """What is left if the engine keeps one key where two imports know the same record.

    Equal records have equal ids in all imports, and solver/combinedcache.go (`Query`) keeps one key of an id.
    In the other caches the key is looked for again, as if the step had been executed; where a context is
    compared that fails, because the context's own key is in no import. So one of those caches is followed,
    nobody knows which: what all of them have is found, what some have perhaps.
    """
    imports = {number for number, cache in enumerate(question.caches) if not cache.own}
    alive = {number for number in imports if here[number].found}
    before = {number for number in imports if any(one[number].shaky for one in inputs)}
    lost = not before <= alive or sum(any(one[n].shaky for n in imports) for one in inputs) > 1
    clash = {n for n in alive if len(alive) > 1 and not here[n].found <= here[n].again}
    # The kept key may be one of a cache that loses nothing: then no other's is certain.
    gone = (before if lost else set()) | (clash - before if alive - clash - before else set())
    kept = []
    for number, one in enumerate(here):
        if number in gone:
            kept.append(replace(one, found=NONE, result=NONE, awaited={}))
        else:
            kept.append(replace(one, shaky=number in alive and number in before | clash))
    return kept


def _why(question: Question, found: Mapping[Output, State], op: Op, key: OpKey) -> str:
    for source in op.inputs:
        if found[source].why:
            return found[source].why
    for place, (digest, _) in enumerate(op.inputs):
        if key.inputs[place].selections is not None and (op.digest, place) not in question.contents:
            name = question.graph.op(digest).name or question.graph.op(digest).kind
            return f"what it takes from another step is known only when that is there: {name}"
    return "an input is known only during the build"


def is_local(op: Op) -> bool:
    """Whether it is a directory of the client's: its key is new in each build, only contents are compared."""
    return op.kind == "source" and str(op.body.get("identifier") or "").startswith("local://")
