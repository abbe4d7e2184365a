from __future__ import annotations

import pytest

from fastbuild.dockerfile.steps import step_lines
from fastbuild.errors import DockerfileSyntax

FILE = """\
ARG BASE=debian
FROM debian AS one
RUN a
ENV X=1
FROM one
WORKDIR $X
RUN b
RUN "c"
FROM scratch AS two
COPY <<E /
text
E
COPY x y
"""


def test_from_counts_unless_the_base_is_scratch_or_a_stage() -> None:
    lines = step_lines(FILE)
    assert [lines.lookup("one", i, 2) for i in (1, 2, 3)] == [2, 3, None]
    assert [lines.lookup("two", i, 2) for i in (1, 2)] == [10, 13]


def test_a_doubtful_workdir_is_settled_by_the_text_or_the_highest_number() -> None:
    lines = step_lines(FILE)
    assert lines.lookup("stage-1", 2, 3) is None
    assert lines.lookup("stage-1", 2, 3, highest=3) == 7
    assert lines.lookup("stage-1", 3, 3, highest=3) == 8
    assert lines.lookup("stage-1", 1, 3, instruction="RUN b") == 7
    assert lines.lookup("stage-1", 1, 3, instruction="WORKDIR /x") == 6


def test_a_workdir_that_is_the_root_takes_no_number() -> None:
    lines = step_lines("FROM a\nWORKDIR /\nWORKDIR /x/..\nRUN b\nRUN c\n")
    assert [lines.lookup("", i, 5) for i in (1, 2, 3)] == [1, 4, 5]


@pytest.mark.parametrize("stage", ["", "three", "stage-0"])
def test_a_stage_that_is_not_there_has_no_lines(stage: str) -> None:
    assert step_lines(FILE).lookup(stage, 1, 2) is None


def test_a_total_that_does_not_fit_has_no_lines() -> None:
    lines = step_lines(FILE)
    assert lines.lookup("one", 1, 1) is None
    assert lines.lookup("one", 2, 3) is None  # another count, or triggers nobody has seen


def test_a_text_that_does_not_fit_has_no_line() -> None:
    lines = step_lines("FROM a\nRUN b\n")
    assert lines.lookup("", 2, 2, instruction="RUN   b") == 2
    assert lines.lookup("", 2, 2, instruction="RUN other") is None
    assert lines.lookup("", 2, 2, instruction="COPY b") is None


def test_triggers_of_an_image_point_at_its_from() -> None:
    lines = step_lines("FROM a\nRUN b\n")
    found = [lines.lookup("", i, 4, onbuild=i in (2, 3), triggers=2, highest=4) for i in (1, 2, 3, 4)]
    assert found == [1, 1, 1, 2]


def test_triggers_that_make_no_step_leave_a_doubt() -> None:
    lines = step_lines("FROM a\nRUN $b\nRUN $c\n")
    assert lines.lookup("", 3, 5, triggers=1, highest=4) is None


def test_a_base_behind_a_variable_needs_an_exact_count() -> None:
    lines = step_lines("ARG B=a\nFROM $B\nRUN b\n")
    assert lines.lookup("", 1, 1) == 3
    assert lines.lookup("", 1, 2) is None


def test_the_classic_builder_counts_otherwise_and_gets_no_wrong_line() -> None:
    lines = step_lines("FROM a\nRUN a\nRUN b\nENV x=1\n")
    assert lines.lookup("", 3, 4, instruction="RUN b", highest=4) is None


def test_a_single_stage_is_found_under_both_names() -> None:
    lines = step_lines("FROM a\nRUN b\n")
    assert lines.lookup("stage-0", 2, 2) == lines.lookup("", 2, 2) == 2


def test_a_file_that_does_not_parse() -> None:
    with pytest.raises(DockerfileSyntax, match="unterminated heredoc"):
        step_lines("FROM a\nRUN <<E\n")
