"""A prediction beside a build: what counts as right."""

from __future__ import annotations

import pytest

from fastbuild.history import Score
from fastbuild.keys.match import Verdict
from fastbuild.pipeline.foresee import ForeseenStep
from fastbuild.pipeline.score import score
from fastbuild.progress.rawjson import StepName
from fastbuild.progress.timings import BuildTiming, Status, StepTiming


def foreseen(
    text: str, verdict: Verdict, *, index: int = 2, needed: bool = True, twins: str = ""
) -> ForeseenStep:
    return ForeseenStep(
        name=StepName.parse(f"[{index}/9] {text}"),
        line=index,
        verdict=verdict,
        caches=(),
        fetch=(),
        needed=needed,
        reason="",
        twins=twins,
    )


def made(text: str, status: Status, *, index: int = 2) -> StepTiming:
    return StepTiming(
        id=f"sha256:{index}",
        name=f"[{index}/9] {text}",
        stage="",
        index=index,
        platform="",
        line=index,
        instruction=text,
        status=status,
    )


@pytest.mark.parametrize(
    ("verdict", "needed", "status", "right"),
    [
        (Verdict.HIT, True, Status.HIT_LOCAL, True),
        (Verdict.HIT, True, Status.HIT_REMOTE, True),
        (Verdict.HIT, True, Status.HIT, True),
        (Verdict.HIT, True, Status.SKIPPED, True),
        (Verdict.HIT, True, Status.RAN, False),
        (Verdict.MISS, True, Status.RAN, True),
        (Verdict.MISS, True, Status.FAILED, True),
        (Verdict.MISS, True, Status.HIT_LOCAL, False),
        (Verdict.MISS, True, Status.SKIPPED, False),
        (Verdict.MISS, False, Status.SKIPPED, True),
    ],
)
def test_what_was_foreseen_is_right_or_wrong(
    verdict: Verdict, needed: bool, status: Status, right: bool
) -> None:
    found = score([foreseen("RUN a", verdict, needed=needed)], BuildTiming(steps=(made("RUN a", status),)))
    assert (found.right, bool(found.wrong)) == (int(right), not right)


def test_maybe_is_neither() -> None:
    found = score([foreseen("RUN a", Verdict.MAYBE)], BuildTiming(steps=(made("RUN a", Status.RAN),)))
    assert found == Score(right=0, maybe=1)


def test_what_the_build_did_not_reach_does_not_count() -> None:
    steps = (made("RUN a", Status.NOT_REACHED), made("FROM b", Status.SOURCE, index=1))
    assert score([foreseen("RUN a", Verdict.HIT)], BuildTiming(steps=steps)) == Score(right=0, maybe=0)


def test_a_hit_that_was_given_up_tells_nothing() -> None:
    steps = (made("RUN a", Status.CANCELLED), made("RUN b", Status.CANCELLED, index=3))
    told = [foreseen("RUN a", Verdict.HIT), foreseen("RUN b", Verdict.MISS, index=3)]
    assert score(told, BuildTiming(steps=steps)) == Score(right=1, maybe=0)


def test_a_step_that_nobody_foresaw_is_wrong_and_named() -> None:
    found = score([], BuildTiming(steps=(made("RUN a", Status.RAN),)))
    assert found.wrong == ("line 2: RUN a: not foreseen, ran",)


def test_a_wrong_prediction_names_step_and_verdicts() -> None:
    found = score([foreseen("RUN a", Verdict.HIT)], BuildTiming(steps=(made("RUN a", Status.RAN),)))
    assert found.wrong == ("line 2: RUN a: foreseen as hit, but ran",)


@pytest.mark.parametrize(
    ("one", "other", "right"),
    [
        (Status.RAN, Status.SKIPPED, 2),
        (Status.SKIPPED, Status.RAN, 2),
        (Status.RAN, Status.HIT_LOCAL, 2),
        (Status.RAN, Status.RAN, 2),
        (Status.SKIPPED, Status.SKIPPED, 1),  # the first was to be executed
        (Status.HIT_LOCAL, Status.SKIPPED, 1),
    ],
)
def test_of_twins_one_is_executed_whichever(one: Status, other: Status, right: int) -> None:
    told = [
        foreseen("RUN a", Verdict.MISS, twins="x"),
        foreseen("RUN b", Verdict.MISS, twins="x", index=3, needed=False),
    ]
    found = score(told, BuildTiming(steps=(made("RUN a", one), made("RUN b", other, index=3))))
    assert (found.right, len(found.wrong)) == (right, 2 - right)


def test_of_twins_under_one_name_the_build_may_show_the_other() -> None:
    told = [foreseen("RUN a", Verdict.MISS, twins="x"), foreseen("RUN b", Verdict.MISS, index=3)]
    found = score(
        told, BuildTiming(steps=(made("RUN a", Status.SKIPPED), made("RUN b", Status.SKIPPED, index=3)))
    )
    assert (found.right, len(found.wrong)) == (1, 1)
