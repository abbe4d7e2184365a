"""Commits built for real beside what was foreseen, without building."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.commands.replay_real import compared, last_line
from fastbuild.errors import BuildFailed
from fastbuild.explain.replay import replay
from fastbuild.git.commits import Commit
from fastbuild.progress.timings import BuildTiming, Status, StepTiming
from tests.explain.builds import moment

if TYPE_CHECKING:
    from fastbuild.reports.replay_real import Real

MOMENTS = [moment(lib="1", src="1"), *(moment(lib="1", src=src) for src in "1232324")]
"""Of the commits after the first, three change `src` to what was never built."""


def build(seconds: dict[str, float], foreseen_place: dict[str, Any]) -> BuildTiming:
    return BuildTiming(
        steps=tuple(
            StepTiming(
                id=text,
                name=text,
                stage=place[1],
                index=place[2],
                platform=place[0],
                line=None,
                instruction=text,
                status=Status.RAN if text in seconds else Status.HIT_LOCAL,
                execute=seconds.get(text, 0.0),
            )
            for text, place in foreseen_place.items()
        )
    )


def real(*took: dict[str, float]) -> Real:
    places = {each.text: each.place for each in MOMENTS[0].instructions}
    commits = [Commit(id=f"{n:040x}", time=0, subject="") for n in range(len(took))]
    history: Any = SimpleNamespace(commits=commits)
    found = list(enumerate(replay(MOMENTS[: len(took)])))
    return compared(history, found, [build(each, places) for each in took], ["a note"])


ALL = {"copy lib": 1.0, "make": 5.0, "copy src": 1.0, "copy made": 1.0, "run": 3.0}
SOURCES = {"copy src": 1.01, "copy made": 1.02, "run": 3.03}


def test_builds_that_do_what_was_foreseen_agree_and_the_cold_one_is_not_ranked() -> None:
    found = real(ALL, {}, SOURCES, SOURCES, {}, {}, {}, SOURCES)
    assert found.agreement == 1.0
    assert [each.measured > 0 for each in found.samples] == [True, False, True, True, *[False] * 3, True]
    assert found.spearman == pytest.approx(1)
    assert found.limit == pytest.approx(1)
    assert found.notes == ("a note",)


def test_a_step_that_did_something_else_is_named() -> None:
    found = real(ALL, {"run": 2.0}, {"copy src": 1.0, "run": 3.0})
    assert found.agreement == 13 / 15
    assert found.samples[1].differences == ("run: ran, and was foreseen to be found",)
    assert found.samples[2].differences == ("copy made: was found, and was foreseen to run",)


def test_the_limit_of_the_rank_is_what_commits_foreseen_to_be_alike_allow() -> None:
    slow = {**SOURCES, "run": 9.0}
    slower = {**SOURCES, "run": 19.0}
    found = real(ALL, {}, slower, SOURCES, {}, {}, {}, slow)
    assert found.limit is not None
    assert found.limit < 1
    assert found.spearman == pytest.approx(found.limit)


def test_less_than_a_tenth_of_a_second_changes_no_rank() -> None:
    nearly = {**SOURCES, "run": 3.04}
    assert real(ALL, {}, nearly, SOURCES, {}, {}, {}, nearly).spearman == pytest.approx(1)


def test_the_last_words_of_a_failed_build_are_kept() -> None:
    assert last_line(BuildFailed("error: one\n two \n\n")) == "two"
    assert last_line(BuildFailed("")) == "no reason was given"
