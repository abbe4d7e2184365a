from __future__ import annotations

import random

import pytest

from fastbuild.explain.gate import Sample, judge_hits, judge_speed
from fastbuild.explain.promised import Status
from fastbuild.explain.promises import Budget

BUDGET = Budget(slower_than_median=0.2, min_hit_rate=0.8)


def build(seconds: float, ran: int = 1, **executed: float) -> Sample:
    return Sample(id="b1", seconds=seconds, steps=10, ran=ran, executed=executed)


def around(middle: float, noise: float, count: int = 20) -> list[Sample]:
    chance = random.Random(7)
    return [build(chance.gauss(middle, noise)) for _ in range(count)]


def test_a_build_as_long_as_the_others_passes() -> None:
    assert judge_speed(build(31.0), around(30, 0.5), BUDGET).status is Status.KEPT


def test_a_build_beyond_limit_and_noise_is_slower() -> None:
    judged = judge_speed(build(40.0, install=30.0), around(30, 0.5), BUDGET)
    assert judged.status is Status.BROKEN
    assert "33% more than the median of 20 builds of main" in judged.findings[0].message
    assert "`install`, 30.0 s instead of 0.0 s" in judged.findings[0].message


def test_a_build_within_the_limit_passes_where_there_is_no_noise() -> None:
    assert judge_speed(build(34.0), around(30, 0.5), BUDGET).status is Status.KEPT


def test_the_same_build_among_noisy_ones_passes() -> None:
    assert judge_speed(build(40.0), around(30, 8), BUDGET).status is Status.KEPT


def test_a_few_outliers_do_not_hide_a_slow_build() -> None:
    past = [*around(30, 0.5, 16), *(build(500.0) for _ in range(4))]
    assert judge_speed(build(40.0), past, BUDGET).status is Status.BROKEN


def test_noise_alone_rarely_fails() -> None:
    chance = random.Random(1)
    judged = [judge_speed(build(chance.gauss(30, 6)), around(30, 6), BUDGET) for _ in range(200)]
    assert sum(not each.passes for each in judged) <= 4


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_builds_are_told_and_pass(count: int) -> None:
    judged = judge_speed(build(100.0), around(1, 0.1, count), BUDGET)
    assert judged.status is Status.UNKNOWN
    assert judged.passes
    assert "5 are needed" in judged.said


def test_without_any_build_nothing_is_judged() -> None:
    assert judge_speed(None, [], BUDGET).passes
    assert judge_hits([], BUDGET).passes


def test_the_hit_rate_counts_steps_that_ran() -> None:
    assert judge_hits([build(1, ran=2)] * 3, BUDGET).status is Status.KEPT
    judged = judge_hits([build(1, ran=3, install=1.0)] * 3, BUDGET)
    assert judged.status is Status.BROKEN
    assert "70%" in judged.findings[0].message
    assert "`install` in 3 of them" in judged.findings[0].message
