"""Hit or miss of every step, before the build.

Sources: solver/edge.go, solver/combinedcache.go, solver/exporter.go (`getBestResult`). BuildKit starts at the
last step and looks up what it must: a step whose result is found ends the search below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.keys.lookup import ONE_KEY, Output, Question, states
from fastbuild.keys.ops import record_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey
    from fastbuild.keys.reach import State
    from fastbuild.keys.records import Records, Result


class Verdict(StrEnum):
    """What happens to a step when its result is needed."""

    HIT = "hit"
    MISS = "miss"
    MAYBE = "maybe"
    """It depends on something that is known only during the build."""
    SOURCE = "source"
    """FROM, a context, a URL, a repository: never a hit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepVerdict:
    """One operation's outcome.

    `caches` are the labels of those that hold the result; `fetch` the blobs (digest, bytes; base first)
    that are fetched if it is used, of the newest result and without those that lie here already.
    `needed` is False where BuildKit never asks for the result, because a later step is found; what
    it may ask for counts as needed, as all below a MAYBE. `reason` says why it is MAYBE. `keys` are its
    record's key and the keys of the contents that its inputs are known to have.
    """

    op: str
    verdict: Verdict
    caches: tuple[str, ...]
    fetch: tuple[tuple[str, int], ...]
    needed: bool
    reason: str
    keys: tuple[str, ...]


def match(
    graph: Graph,
    keys: Mapping[str, OpKey | None],
    contents: Mapping[tuple[str, int], str],
    caches: Sequence[Records],
) -> Mapping[str, StepVerdict]:
    """The verdict of each operation of `graph` by its digest.

    `keys` are those of `op_key`, by operation. `contents` are the content digests of inputs that come from
    files known here, by operation and input. An operation with `ignore_cache` is a miss, and so is what
    stands on it directly; what stands on that can be a hit again, as it is for BuildKit (see `keys.lookup`).
    """
    question = Question(graph=graph, keys=keys, contents=contents, caches=caches)
    found = states(question)
    verdicts = {output: _verdict(question, output, state) for output, state in found.items()}
    needed = {digest for digest, _ in _needed(question, found, verdicts)}
    here = frozenset[str]().union(*(cache.blobs for cache in caches))
    return {op.digest: _step(question, op, found, verdicts, needed, here) for op in graph.ops}


def _verdict(question: Question, output: Output, state: State) -> Verdict:
    if question.graph.op(output[0]).kind == "source":
        return Verdict.SOURCE
    holding = [
        bool(here.found & cache.held.keys()) for cache, here in zip(question.caches, state.here, strict=True)
    ]
    shaky = [holds for here, holds in zip(state.here, holding, strict=True) if here.shaky]
    sure = [holds for here, holds in zip(state.here, holding, strict=True) if not here.shaky]
    if any(sure) or (shaky and all(shaky)):
        return Verdict.HIT
    if state.unknown or next(_results(question.caches, [here.perhaps for here in state.here]), None):
        return Verdict.MAYBE
    return Verdict.MISS


def _results(caches: Sequence[Records], ids: Sequence[frozenset[str]]) -> Iterator[tuple[Records, str]]:
    for cache, those in zip(caches, ids, strict=True):
        for id in those:
            if id in cache.held:
                yield cache, id


def _step(
    question: Question,
    op: Op,
    found: Mapping[Output, State],
    verdicts: Mapping[Output, Verdict],
    needed: set[str],
    here: frozenset[str],
) -> StepVerdict:
    outputs = [output for output in found if output[0] == op.digest]
    # With several outputs one that is missing runs the step.
    output = min(outputs, key=lambda one: _ORDER.index(verdicts[one]))
    verdict, state = verdicts[output], found[output]
    sure = verdict is Verdict.HIT
    held = list(_results(question.caches, [one.found if sure else one.perhaps for one in state.here]))
    results = [(cache, result) for cache, id in held if (result := cache.result(id))]
    if verdict is Verdict.SOURCE:
        results = []
    return StepVerdict(
        op=op.digest,
        verdict=verdict,
        caches=tuple(dict.fromkeys(cache.label for cache, _ in results)),
        fetch=_fetch([result for _, result in results], here),
        needed=op.digest in needed,
        reason=(state.why or ONE_KEY) if verdict is Verdict.MAYBE else "",
        keys=_keys(question, op, output[1]),
    )


_ORDER = (Verdict.MISS, Verdict.MAYBE, Verdict.HIT, Verdict.SOURCE)


def _fetch(results: Sequence[Result], here: frozenset[str]) -> tuple[tuple[str, int], ...]:
    """The blobs of the newest result that aren't here. Of equally new ones the cheapest: they are copies."""
    if not results:
        return ()
    times = [_time(result) for result in results]
    newest = [result for result, time in zip(results, times, strict=True) if time == max(times)]
    wanted = [tuple(layer for layer in result.layers if layer[0] not in here) for result in newest]
    return min(wanted, key=lambda layers: sum(size for _, size in layers))


def _time(result: Result) -> float:
    return float("-inf") if result.created is None else result.created


def _keys(question: Question, op: Op, index: int) -> tuple[str, ...]:
    key = question.keys.get(op.digest)
    if key is None:
        return ()
    contents = (question.contents.get((op.digest, place)) for place in range(len(op.inputs)))
    return (record_key(key.digest, index), *(record_key(one, -1) for one in contents if one is not None))


def _needed(
    question: Question, found: Mapping[Output, State], verdicts: Mapping[Output, Verdict]
) -> set[Output]:
    """The outputs whose results are asked for, starting at the last step."""
    late = _late(question, found, verdicts)
    results: set[Output] = set()
    searched: set[Output] = set()
    todo = [((final, 0), True) for final in question.graph.finals]
    while todo:
        output, wanted = todo.pop()
        if output in results or (not wanted and output in searched):
            continue
        (results if wanted else searched).add(output)
        op, state = question.graph.op(output[0]), found[output]
        if wanted and verdicts[output] is not Verdict.HIT:
            todo.extend((source, True) for source in op.inputs)
        else:
            awaited = _awaited(question, state, wanted)
            if any(_runs_first(question, verdicts, op, place) for place in awaited):
                awaited = tuple(range(len(op.inputs)))  # it was to be executed until then
            todo.extend(
                (source, place in awaited or source in late) for place, source in enumerate(op.inputs)
            )
    return results


def _late(
    question: Question, found: Mapping[Output, State], verdicts: Mapping[Output, Verdict]
) -> set[Output]:
    """Hits that are found only after a step before them was executed.

    Until then the engine takes them for misses, so it may have asked for their results.
    """
    late: set[Output] = set()
    for output, state in found.items():
        op = question.graph.op(output[0])
        awaited = _awaited(question, state, verdicts[output] is Verdict.HIT)
        waits = any(_runs_first(question, verdicts, op, place) for place in awaited)
        if verdicts[output] is Verdict.HIT and (waits or not late.isdisjoint(op.inputs)):
            late.add(output)
    return late


def _runs_first(question: Question, verdicts: Mapping[Output, Verdict], op: Op, place: int) -> bool:
    """Whether an input must be executed for its record to be known: below a step that ignores the cache."""
    key = question.keys[op.digest]
    by_key = key is not None and key.inputs[place].selections is None
    return by_key and verdicts[op.inputs[place]] is not Verdict.SOURCE


def _awaited(question: Question, state: State, wanted: bool) -> tuple[int, ...]:
    """The inputs whose results are needed to find the record: the fewest there are."""
    ways = [
        places
        for cache, here in zip(question.caches, state.here, strict=True)
        for id, places in here.awaited.items()
        if not wanted or id in cache.held
    ]
    return min(ways, key=len, default=())
