from __future__ import annotations

from dataclasses import replace

import pytest

from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.match import StepVerdict, Verdict
from fastbuild.pipeline.foresee import ForeseenStep, doubted, steps_of
from fastbuild.pipeline.read_caches import CacheRead

LINKED = ("[2/3] COPY --link a /a", "[2/3] LINK COPY --link a /a")
FETCHED = ("[2/3] ADD https://example.com/f /f", "[2/3] ADD https://example.com/f /f")


def op(digest: str, name: str) -> Op:
    return Op(
        digest=digest,
        kind="file",
        body={},
        inputs=(),
        platform=("", "", ""),
        name=name,
        lines=((3, 3),),
        ignore_cache=False,
        weak=False,
    )


def step(names: tuple[str, str], *told: tuple[Verdict, bool]) -> ForeseenStep:
    """The one instruction of two operations, each with verdict and whether it is asked for."""
    ops = tuple(op(str(number), name) for number, name in enumerate(names))
    verdicts = {
        it.digest: StepVerdict(
            op=it.digest, verdict=verdict, caches=(), fetch=(), needed=needed, reason="", keys=()
        )
        for it, (verdict, needed) in zip(ops, told, strict=True)
    }
    (found,) = steps_of(Graph(ops=ops, final="1"), verdicts)
    return found


@pytest.mark.parametrize(
    ("copy", "merge", "expected"),
    [
        ((Verdict.HIT, True), (Verdict.MISS, True), (Verdict.HIT, True)),
        ((Verdict.MISS, True), (Verdict.MISS, True), (Verdict.MISS, True)),
        ((Verdict.MISS, False), (Verdict.HIT, True), (Verdict.HIT, True)),
        ((Verdict.MISS, False), (Verdict.MISS, False), (Verdict.MISS, False)),
        ((Verdict.MAYBE, True), (Verdict.MISS, True), (Verdict.MAYBE, True)),
    ],
)
def test_a_linked_copy_is_what_its_copy_is_unless_only_the_merge_is_asked_for(
    copy: tuple[Verdict, bool], merge: tuple[Verdict, bool], expected: tuple[Verdict, bool]
) -> None:
    found = step(LINKED, copy, merge)
    assert (found.verdict, found.needed) == expected


def test_a_step_that_takes_from_a_server_is_not_a_source_itself() -> None:
    assert step(FETCHED, (Verdict.SOURCE, True), (Verdict.HIT, True)).verdict is Verdict.HIT
    passed_over = step(FETCHED, (Verdict.SOURCE, True), (Verdict.MISS, False))
    assert (passed_over.verdict, passed_over.needed) == (Verdict.MISS, False)


@pytest.mark.parametrize(
    ("verdict", "ignored", "expected"),
    [
        (Verdict.MISS, False, Verdict.MAYBE),
        (Verdict.MISS, True, Verdict.MISS),
        (Verdict.HIT, False, Verdict.HIT),
        (Verdict.SOURCE, False, Verdict.SOURCE),
    ],
)
def test_a_cache_that_is_not_seen_may_have_what_the_others_miss(
    verdict: Verdict, ignored: bool, expected: Verdict
) -> None:
    only = replace(op("a", "[1/1] RUN a"), ignore_cache=ignored)
    told = StepVerdict(op="a", verdict=verdict, caches=(), fetch=(), needed=True, reason="", keys=())
    assert doubted(Graph(ops=(only,), final="a"), {"a": told})["a"].verdict is expected


def test_which_caches_are_not_seen() -> None:
    assert CacheRead(label="gha x", problem="the engine only").unseen
    assert not CacheRead(label="s3 x", problem="nothing yet", absent=True).unseen
    assert not CacheRead(label="registry x", problem="too large for BuildKit", manifest="sha256:a").unseen
