from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.explain.matching import match_steps
from fastbuild.explain.sidefile import StepKey
from fastbuild.explain.words import word_diff


def steps(*texts: str, stage: str = "", platform: str = "linux/amd64") -> list[StepKey]:
    head = f"{stage} " if stage else ""
    return [
        StepKey(name=f"[{head}{n}/9] {text}", instruction=text, platform=platform)
        for n, text in enumerate(texts, 2)
    ]


BASE = ("RUN a", "COPY src /src", "RUN b", "RUN c")


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (BASE, BASE, {0: 0, 1: 1, 2: 2, 3: 3}),
        (("RUN new", *BASE), BASE, {1: 0, 2: 1, 3: 2, 4: 3}),
        (BASE[1:], BASE, {0: 1, 1: 2, 2: 3}),
        (("RUN a", "COPY src /other", "RUN b", "RUN c"), BASE, {0: 0, 1: 1, 2: 2, 3: 3}),
        (("RUN a", "RUN b", "COPY src /src", "RUN c"), BASE, {0: 0, 1: 2, 2: 1, 3: 3}),
        (("RUN a", "RUN x", "COPY src /src", "RUN b2", "RUN c"), BASE, {0: 0, 2: 1, 3: 2, 4: 3}),
        (("RUN make all -j4", "RUN curl x"), ("RUN make all -j2",), {0: 0}),
        (("WORKDIR /a",), ("RUN a",), {}),
        ((), BASE, {}),
        (("RUN a", "RUN a"), ("RUN a",), {0: 0}),
    ],
)
def test_steps_are_matched_by_text_and_place(
    now: tuple[str, ...], before: tuple[str, ...], expected: dict[int, int]
) -> None:
    assert match_steps(steps(*now), steps(*before)) == expected


def test_a_renamed_stage_is_found_by_its_steps() -> None:
    before = [*steps("RUN a", "RUN b", stage="one"), *steps("RUN x", "RUN y", stage="two")]
    now = [*steps("RUN x", "RUN y", stage="three"), *steps("RUN a", "RUN b", stage="one")]
    assert match_steps(now, before) == {0: 2, 1: 3, 2: 0, 3: 1}


def test_a_stage_keeps_its_name_though_another_resembles_it_more() -> None:
    before = [
        *steps("RUN a", "RUN b", "RUN c", stage="test"),
        *steps("RUN a", "RUN b", "RUN d", stage="prod"),
    ]
    now = steps("RUN a", "RUN b", "RUN d", stage="test")
    assert match_steps(now, before)[0] == 0


def test_an_inserted_unnamed_stage_shifts_no_other() -> None:
    before = [*steps("RUN a", stage="stage-0"), *steps("RUN b", stage="stage-1")]
    now = [
        *steps("RUN new", stage="stage-0"),
        *steps("RUN a", stage="stage-1"),
        *steps("RUN b", stage="stage-2"),
    ]
    assert match_steps(now, before) == {1: 0, 2: 1}


def test_platforms_are_matched_with_themselves_first() -> None:
    before = [*steps("RUN a", platform="linux/arm64"), *steps("RUN a", platform="linux/amd64")]
    assert match_steps(steps("RUN a", platform="linux/amd64"), before) == {0: 1}
    assert match_steps(steps("RUN a", platform="linux/s390x"), before) == {0: 0}


TEXTS = st.lists(st.sampled_from(["RUN a", "RUN b", "COPY a b", "COPY a c", "WORKDIR /x"]), max_size=8)


@given(TEXTS, TEXTS)
def test_no_step_is_matched_twice_and_equal_builds_match_wholly(now: list[str], before: list[str]) -> None:
    found = match_steps(steps(*now), steps(*before))
    assert len(set(found.values())) == len(found)
    assert match_steps(steps(*now), steps(*now)) == {n: n for n in range(len(now))}


def test_a_huge_stage_takes_no_long_time_and_stays_in_order() -> None:
    texts = [f"RUN {n % 7}" for n in range(3000)]
    found = match_steps(steps(*texts), steps(*texts[1:]))
    same = [(now, before) for now, before in found.items() if now % 7 == 3]
    assert all(a[1] < b[1] for a, b in pairwise(same))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("RUN make", "RUN make -j4", "`-j4` added"),
        ("RUN make -j4", "RUN make", "`-j4` removed"),
        ("RUN pip install a==1", "RUN pip install a==2", "`1` → `2`"),
        ("RUN a  b", "RUN a b", "white space behind `a`"),
        ("RUN a", "RUN a", ""),
        ("RUN " + "x " * 2000, "RUN y", ""),
        ("RUN a b c d e f", "RUN 1 b 2 d 3 f 4", "`RUN a b c d e f` → `RUN 1 b 2 d 3 f 4`"),
        ("RUN t=secret:" + "a" * 32, "RUN t=secret:" + "b" * 32, "`***` → `***`"),
    ],
)
def test_what_changed_in_a_text_is_told_by_words(before: str, after: str, expected: str) -> None:
    assert word_diff(before, after) == expected
