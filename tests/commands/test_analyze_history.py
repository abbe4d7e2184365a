from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.subject import Measured
from fastbuild.commands.analyze_history import Past
from fastbuild.dockerfile.parse import parse
from fastbuild.history import BuildRecord, History
from fastbuild.progress.timings import BuildTiming, Status, StepTiming

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Measure = Callable[..., dict[int, Measured]]

STEP = StepTiming(
    id="", name="", stage="", index=1, platform="", line=None, instruction="RUN x", status=Status.RAN,
    execute=2.0,
)  # fmt: skip
HIT = replace(STEP, status=Status.HIT_LOCAL, execute=0.0)


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """What builds of these steps, oldest first, say of a Dockerfile."""

    def of(text: str, *builds: list[StepTiming]) -> dict[int, Measured]:
        for number, steps in enumerate(builds):
            timing = BuildTiming(steps=tuple(steps))
            record = BuildRecord(
                id=f"b{number}", started="", seconds=1, result="ok", exit_code=0, timing=timing
            )
            History(tmp_path / "history").add(record)
        return dict(Past(tmp_path / "history").of(parse(text)))

    return of


def test_the_newest_known_size_counts_and_the_median_seconds(measure: Measure) -> None:
    builds = [[replace(STEP, size=size, execute=e)] for size, e in ((1, 1.0), (5, 2.0), (None, 9.0))]
    assert measure("FROM a\nRUN x\n", *builds) == {1: Measured(seconds=2.0, size=5, builds=3)}


def test_a_hit_has_a_size_and_no_seconds(measure: Measure) -> None:
    found = measure("FROM a\nRUN x\nRUN y\n", [replace(HIT, size=0), replace(HIT, instruction="RUN y")])
    assert found == {1: Measured(size=0, builds=1)}


def test_of_several_platforms_the_largest_layer_counts(measure: Measure) -> None:
    steps = [
        replace(STEP, platform=f"linux/{name}", size=size) for name, size in (("a", 7), ("b", 9), ("c", None))
    ]
    assert measure("FROM a\nRUN x\n", steps)[1].size == 9


def test_steps_of_one_text_have_no_size(measure: Measure) -> None:
    twice = [replace(STEP, index=index, size=index) for index in (1, 2, 2)]
    assert measure("FROM a\nRUN x\n", twice)[1] == Measured(seconds=2.0, builds=1)


def test_instructions_of_one_text_have_no_size(measure: Measure) -> None:
    found = measure("FROM a\nRUN x\nRUN x\n", [replace(STEP, size=4)])
    assert found == dict.fromkeys((1, 2), Measured(seconds=2.0, builds=1))
