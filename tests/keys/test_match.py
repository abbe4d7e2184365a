from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.graph import Graph
from fastbuild.keys.match import StepVerdict, Verdict, match
from fastbuild.keys.records import Held, Layer, Records, collect
from fastbuild.keys.store import read_store
from tests.keys import recorded
from tests.keys.recorded import COPIED, LAST, SOURCE_COPY, STAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.keys.graph import Op

OTHER = "sha256:" + "0" * 64


def verdicts(
    *caches: Records,
    graph: Graph | None = None,
    contents: Mapping[tuple[str, int], str] | None = None,
    rekeyed: str = "",
) -> dict[str, StepVerdict]:
    """By name; the step `rekeyed` has another instruction than was recorded."""
    graph = graph or recorded.graph()
    keys = recorded.keys(graph)
    for op in graph.ops:
        key = keys[op.digest]
        if op.name == rekeyed and key is not None:
            keys[op.digest] = replace(key, digest=OTHER)
    known = recorded.contents() if contents is None else contents
    found = match(graph, keys, known, caches)
    return {op.name: found[op.digest] for op in graph.ops}


def changed(change: Callable[[Op], Op]) -> Graph:
    graph = recorded.graph()
    return Graph(ops=tuple(change(op) for op in graph.ops), final=graph.final)


def ignoring(name: str) -> Graph:
    return changed(lambda op: replace(op, ignore_cache=True) if op.name == name else op)


def without_results(records: Records, *ids: str) -> Records:
    held = {id: one for id, one in records.held.items() if id not in ids}
    return replace(records, held=held if ids else {})


@pytest.mark.parametrize("cache", [recorded.s3, recorded.local, lambda: read_store(recorded.STORE)])
def test_an_unchanged_build_is_found_at_its_last_step(cache: Callable[[], Records]) -> None:
    records = cache()
    found = verdicts(records)
    assert {step.verdict for step in found.values()} == {Verdict.HIT, Verdict.SOURCE}
    assert found[LAST].needed
    assert found[LAST].caches == (records.label,)
    assert not found[STAGE].needed
    assert not found[COPIED].needed
    # The context is compared, the base is only named.
    assert found["[internal] load build context"].needed
    base = next(step for name, step in found.items() if "FROM" in name)
    assert base.verdict is Verdict.SOURCE
    assert not base.needed


def test_a_result_is_fetched_with_all_its_layers_from_a_cache_and_not_at_all_from_here() -> None:
    found = verdicts(recorded.s3())[LAST].fetch
    assert len(found) == len(set(found)) == 5
    assert found == verdicts(recorded.local())[LAST].fetch
    assert verdicts(read_store(recorded.STORE))[LAST].fetch == ()


def test_what_lies_here_already_is_not_fetched() -> None:
    first, *rest = verdicts(recorded.s3())[LAST].fetch
    here = collect("local", [], [], {}, own=True, blobs=frozenset({first[0]}))
    assert verdicts(recorded.s3(), here)[LAST].fetch == tuple(rest)


def test_without_caches_all_is_executed() -> None:
    found = verdicts()
    assert {step.verdict for step in found.values()} == {Verdict.MISS, Verdict.SOURCE}
    assert all(step.needed for step in found.values())
    assert all(step.fetch == () and step.caches == () for step in found.values())


def test_another_content_is_a_miss_from_that_step_on() -> None:
    graph = recorded.graph()
    copies = [op.digest for op in graph.ops if op.name == SOURCE_COPY]
    contents = {
        place: OTHER if place[0] in copies else content for place, content in recorded.contents().items()
    }
    found = verdicts(recorded.s3(), contents=contents)
    assert found[SOURCE_COPY].verdict is found[LAST].verdict is Verdict.MISS
    assert found[COPIED].verdict is Verdict.HIT
    assert found[COPIED].needed
    assert not found[STAGE].needed


def test_what_a_changed_stage_brings_is_known_only_when_it_is_there() -> None:
    found = verdicts(recorded.s3(), rekeyed=STAGE)
    assert found[STAGE].verdict is Verdict.MISS
    assert found[STAGE].needed
    for name in (COPIED, SOURCE_COPY, LAST):
        assert found[name].verdict is Verdict.MAYBE
        assert STAGE in found[name].reason
        assert found[name].caches == ("s3",)


def test_a_base_that_is_executed_again_is_never_compared_by_content() -> None:
    found = verdicts(recorded.s3(), rekeyed="[stage-1 2/5] WORKDIR /w")
    assert found[COPIED].verdict is found[LAST].verdict is Verdict.MISS
    assert found[STAGE].verdict is Verdict.HIT
    assert found[STAGE].needed


def test_an_unknown_context_makes_maybes() -> None:
    found = verdicts(recorded.s3(), contents={})
    assert found["[build 3/4] COPY a /a"].verdict is Verdict.MAYBE
    assert "load build context" in found[LAST].reason


def test_a_record_without_its_result_still_leads_to_those_below() -> None:
    whole = recorded.s3()
    final = verdicts(whole)[LAST]
    (last,) = [id for id, one in whole.held.items() if whole.result(id).layers == final.fetch]  # type: ignore[union-attr]
    only_last = replace(whole, held={last: whole.held[last]})
    found = verdicts(only_last)
    assert found[LAST].verdict is Verdict.HIT
    assert found[COPIED].verdict is Verdict.MISS
    assert not found[COPIED].needed
    assert verdicts(without_results(whole, last))[LAST].verdict is Verdict.MISS


def test_without_any_result_keys_alone_are_no_hits() -> None:
    found = verdicts(without_results(recorded.s3()))
    assert {step.verdict for step in found.values()} == {Verdict.MISS, Verdict.SOURCE}


def test_below_an_ignored_cache_one_step_is_executed_and_the_next_finds_its_old_result() -> None:
    found = verdicts(recorded.s3(), graph=ignoring("[stage-1 2/5] WORKDIR /w"))
    assert found["[stage-1 2/5] WORKDIR /w"].verdict is Verdict.MISS
    assert found["[stage-1 2/5] WORKDIR /w"].needed
    assert found[COPIED].verdict is Verdict.MISS
    own = verdicts(read_store(recorded.STORE), graph=ignoring("[stage-1 2/5] WORKDIR /w"))
    assert own[COPIED].verdict is Verdict.MISS
    assert own[SOURCE_COPY].verdict is own[LAST].verdict is Verdict.HIT


def test_what_copies_from_an_ignored_stage_is_compared_by_content() -> None:
    found = verdicts(recorded.s3(), graph=ignoring(STAGE))
    assert found[STAGE].verdict is Verdict.MISS
    assert found[COPIED].verdict is Verdict.MAYBE


def test_of_two_caches_the_newest_result_is_fetched() -> None:
    old, new = recorded.s3("old"), recorded.s3("new")
    top = Layer(blob="sha256:new", size=7, below=None)
    new = replace(
        new, held={id: Held(created=(one.created or 0) + 1, top=top) for id, one in new.held.items()}
    )
    for order in ((old, new), (new, old)):
        found = verdicts(*order)[LAST]
        assert found.fetch == (("sha256:new", 7),)
        assert set(found.caches) == {"old", "new"}


def test_of_equally_new_results_the_one_that_is_here_costs_nothing() -> None:
    own = read_store(recorded.STORE)
    found = verdicts(recorded.s3(), own)[LAST]
    assert found.caches == ("s3", "local")
    assert found.fetch == ()


def test_a_step_that_one_of_two_imports_lacks_may_be_lost() -> None:
    """BuildKit keeps one key of a record that both imports have, and can't find it again in the other."""
    whole, part = recorded.s3("whole"), recorded.s3("part")
    lost = verdicts(whole)[LAST].keys[0]
    part = replace(part, edges={edge: ids for edge, ids in part.edges.items() if edge[2] != lost})
    found = verdicts(whole, part)
    assert found[SOURCE_COPY].verdict is Verdict.HIT
    assert found[LAST].verdict is Verdict.MAYBE
    assert "two caches" in found[LAST].reason
    assert verdicts(whole, replace(part, own=True))[LAST].verdict is Verdict.HIT


def test_a_source_that_is_asked_during_the_build_leaves_all_below_open() -> None:
    graph = recorded.graph()
    keys = dict(recorded.keys(graph))
    base = next(op for op in graph.ops if "FROM" in op.name)
    keys[base.digest] = None
    found = match(graph, keys, recorded.contents(), [recorded.s3()])
    last = found[graph.final]
    assert last.verdict is Verdict.MAYBE
    assert base.name in last.reason


def test_an_empty_image_has_no_steps() -> None:
    assert match(Graph(ops=(), final=""), {}, {}, [recorded.s3()]) == {}
