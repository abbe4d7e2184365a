from __future__ import annotations

from fastbuild.analysis.reach import built, chain, lineage, root_base, shipped, uses
from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse

SUBJECT = Subject(
    parse(
        "FROM debian:12 AS base\nRUN one\n"
        "FROM base AS build\nRUN two\n"
        "FROM alpine:3 AS tools\nRUN three\n"
        "FROM golang:1 AS unused\nRUN four\n"
        "FROM base\nCOPY --from=build /a /a\nRUN --mount=from=2,target=/t five\n"
    )
)


def test_only_the_lineage_of_the_last_stage_is_shipped() -> None:
    assert [facts.stage.index for facts in shipped(SUBJECT)] == [0, 4]
    assert root_base(SUBJECT, SUBJECT.stages[4]) == "debian:12"


def test_a_chain_starts_with_the_oldest_stage() -> None:
    words = [step.instruction.words[0] for step in chain(SUBJECT, SUBJECT.stages[1]) if step.keyword == "RUN"]
    assert words == ["one", "two"]


def test_bases_copies_and_mounts_are_uses() -> None:
    assert uses(SUBJECT, SUBJECT.stages[4]) == {0, 1, 2}
    assert built(SUBJECT, 4) == {0, 1, 2, 4}


def test_a_name_that_comes_later_is_an_image() -> None:
    subject = Subject(parse("FROM late AS one\nFROM debian:12 AS late\n"))
    assert lineage(subject, subject.stages[0]) == (subject.stages[0],)
    assert uses(subject, subject.stages[0]) == frozenset()


def test_a_stage_may_have_the_name_of_its_image() -> None:
    subject = Subject(parse("FROM golang AS golang\nRUN true\n"))
    assert lineage(subject, subject.stages[0]) == (subject.stages[0],)


def test_from_with_capitals_names_no_stage_but_copy_does() -> None:
    subject = Subject(parse("FROM debian:12 AS base\nRUN one\nFROM Base\nCOPY --from=BASE /a /a\n"))
    assert [facts.stage.index for facts in lineage(subject, subject.stages[1])] == [1]
    assert uses(subject, subject.stages[1]) == {0}
    assert subject.stages[1].steps[1].cwd is None


def test_a_base_given_by_an_argument_is_found_after_expansion() -> None:
    subject = Subject(parse("ARG B=base\nFROM debian:12 AS base\nWORKDIR /a\nFROM $B\nRUN one\n"))
    assert [facts.stage.index for facts in lineage(subject, subject.stages[1])] == [0, 1]
    assert subject.stages[1].steps[1].cwd == "/a"
