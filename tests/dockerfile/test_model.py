from __future__ import annotations

import pytest

from fastbuild.dockerfile.model import Flag, mount_target
from fastbuild.dockerfile.parse import parse

FILE = parse(
    """\
ARG A=1 B
ARG C
FROM debian AS One
FROM one AS two
FROM scratch
COPY --from=two --link /a /b
RUN --mount=type=cache,target=/c --mount=SOURCE=d,"target=/e",ro f
ENV g=h i="j k"
FROM 0 as one
FROM One AS last
"""
)


def test_stages_have_their_number_name_base_and_instructions() -> None:
    assert [(s.index, s.name, s.base, len(s.body)) for s in FILE.stages] == [
        (0, "one", "debian", 0),
        (1, "two", "one", 0),
        (2, "", "scratch", 3),
        (3, "one", "0", 0),
        (4, "last", "One", 0),
    ]
    assert FILE.stages[2].start.start == 5


def test_the_header_is_all_before_the_first_stage() -> None:
    assert [pair for each in FILE.header for pair in each.pairs()] == [("A", "1"), ("B", None), ("C", None)]


def test_of_two_stages_with_one_name_the_last_before_counts() -> None:
    assert [FILE.stage("ONE", before=n) for n in (0, 2, 4)] == [None, FILE.stages[0], FILE.stages[3]]
    assert FILE.stage("2") is FILE.stages[2]
    assert FILE.stage("2", before=2) is None
    assert FILE.stage("debian") is None


def test_a_stage_builds_on_names_and_never_on_numbers() -> None:
    assert [s.index for s in FILE.ancestry(FILE.stages[1])] == [1, 0]
    assert [s.index for s in FILE.ancestry(FILE.stages[3])] == [3]
    assert FILE.base_stage("one", before=4) is FILE.stages[3]


def test_from_finds_a_stage_only_by_its_name_in_lower_case() -> None:
    assert [s.index for s in FILE.ancestry(FILE.stages[4])] == [4]
    assert FILE.base_stage("One", before=4) is None
    assert FILE.stage("One", before=4) is FILE.stages[3]


def test_a_file_without_from_has_no_stages() -> None:
    file = parse("ARG A=1\n")
    assert file.stages == ()
    assert file.stage("0") is None
    assert [each.keyword for each in file.header] == ["ARG"]


def test_flags_and_pairs_are_read_from_an_instruction() -> None:
    copy, run, env = FILE.stages[2].body
    assert (copy.flag("from"), copy.flag("link"), copy.flag("chown")) == ("two", "", None)
    assert run.mounts() == (
        {"type": "cache", "target": "/c"},
        {"type": "bind", "source": "d", "target": "/e", "ro": "true"},
    )
    assert env.pairs() == (("g", "h"), ("i", '"j k"'))


@pytest.mark.parametrize("name", ["target", "dst", "destination"])
def test_a_mount_s_target_has_three_names(name: str) -> None:
    assert mount_target(Flag("mount", f"type=cache,{name}=/c").options) == "/c"
    assert mount_target({"type": "cache"}) == ""


@pytest.mark.parametrize(
    ("flag", "text"), [(Flag("link", None), "--link"), (Flag("link", "TRUE"), "--link=TRUE")]
)
def test_a_flag_shows_itself_as_written(flag: Flag, text: str) -> None:
    assert flag.text == text
