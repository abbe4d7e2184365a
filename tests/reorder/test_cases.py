"""Every case of tests/cases/reorder."""

from __future__ import annotations

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.constraints import graph
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.propose import propose
from fastbuild.reorder.verify import problem
from tests.reorder.cases import Case, all_cases

CASES = all_cases()


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_the_order_is_the_expected_one(case: Case) -> None:
    text = propose(case.subject(), case.costs()).text
    if case.order is not None:
        assert text == case.order
    if case.same:
        assert text == case.dockerfile
    if case.proved_order is not None:
        assert propose(case.subject(), case.costs(), trust=Trust.LIKELY).text == case.proved_order


def test_the_reasons_are_given(case: Case) -> None:
    subject = case.subject()
    graphs = [graph(subject, index) for index in range(len(subject.dockerfile.stages))]
    edges = {
        (each.nodes[e.before].line, each.nodes[e.after].line): e.why for each in graphs for e in each.edges
    }
    for before, after, words in case.kept:
        assert words in edges.get((before, after), ""), f"{before} -> {after}: {edges.get((before, after))}"


def test_what_only_a_proof_can_tell_is_said(case: Case) -> None:
    doubts = propose(case.subject(), case.costs(), trust=Trust.LIKELY).doubts
    for words in case.doubts:
        assert any(words in doubt for doubt in doubts), doubts


@pytest.mark.parametrize("trust", Trust)
def test_the_rewriter_finds_no_fault_with_itself(case: Case, trust: Trust) -> None:
    assert problem(propose(case.subject(), case.costs(), trust=trust)) == ""


@pytest.mark.parametrize("trust", Trust)
def test_a_second_pass_proposes_nothing(case: Case, trust: Trust) -> None:
    first = propose(case.subject(), case.costs(), trust=trust)
    again = Case(name=case.name, about=case.about, dockerfile=first.text, context=case.context)
    assert propose(again.subject(), case.costs(), trust=trust).text == first.text


def test_moved_instructions_keep_their_lines_byte_for_byte(case: Case) -> None:
    proposal = propose(case.subject(), case.costs())
    parted = {each.whole.source: each.parts for plan in proposal.stages for each in plan.parted}
    after = [i.source.rstrip("\r\n") for i in parse(proposal.text).instructions]
    for instruction in parse(case.dockerfile).instructions:
        for part in parted.get(instruction.source, (instruction,)):
            after.remove(part.source.rstrip("\r\n"))
    assert all(source.startswith("COPY ") for source in after)
