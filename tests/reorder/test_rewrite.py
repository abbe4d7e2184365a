"""The text of a new order: nothing of the old one is lost, whatever it looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.propose import Proposal, propose
from fastbuild.reorder.rewrite import reordered, with_lines
from fastbuild.reorder.verify import problem
from tests.reorder.cases import Files
from tests.reorder.random_files import Example, examples

if TYPE_CHECKING:
    from fastbuild.dockerfile.model import Dockerfile

LOOSE = st.sampled_from(("# why\n", "\n", "# one\n\n# two\n", "   # indented\n", "\n\n"))
STEPS = st.sampled_from(
    (
        *(
            "RUN one\n",
            "RUN two \\\n  # inside\n  three\n",
            "COPY a b\n",
            "copy c d \n",
            "ENV A=1 \\\n\n  B=2\n",
        ),
        *("RUN <<END\nfive\n# no comment\nEND\n", "ARG X\n", "RUN one\n", '\tRUN ["six"]\n'),
    )
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A Dockerfile of one stage, and a new order of its instructions."""
    body = [draw(st.one_of(st.just(""), LOOSE)) + draw(STEPS) for _ in range(draw(st.integers(1, 7)))]
    text = draw(st.sampled_from(("", "# escape=\\\n", "# syntax=docker/dockerfile:1\n\n"))) + "FROM x\n"
    text += "".join(body) + draw(st.sampled_from(("", "# the end\n", "\n")))
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    order = draw(st.permutations(range(1, len(body) + 1)))
    return text, order


def sources(dockerfile: Dockerfile) -> list[str]:
    return [each.comment + each.source.rstrip("\r\n") for each in dockerfile.instructions]


@settings(deadline=None)
@given(texts())
def test_every_block_is_there_once_in_the_new_order(case: tuple[str, list[int]]) -> None:
    text, order = case
    before = parse(text)
    result = reordered(before, order)
    after = parse(result)
    found = sources(before)
    assert sources(after) == [found[0], *(found[at] for at in order)]
    assert sorted(result.split()) == sorted(text.split())
    assert after.directives == before.directives
    assert result.endswith("\n") == text.endswith("\n")
    assert ("\r\n" in result) == ("\r\n" in text)


@settings(deadline=None)
@given(texts())
def test_the_old_order_gives_the_old_text(case: tuple[str, list[int]]) -> None:
    text, order = case
    assert reordered(parse(text), sorted(order)) == text


def test_added_lines_end_as_the_others_do() -> None:
    dockerfile = parse("FROM x\r\n# all\r\nCOPY . .\r\n")
    assert with_lines(dockerfile, {1: ["COPY a ./"]}) == "FROM x\r\nCOPY a ./\r\n# all\r\nCOPY . .\r\n"


def test_a_continuation_at_the_very_end_that_swallows_the_next_line_is_noticed() -> None:
    text = "FROM busybox\nCOPY a b\nRUN echo 1 > /x \\"
    moved = reordered(parse(text), [2, 1])
    assert "is missing" in problem(Proposal(original=text, text=moved, now=1, after=0))


FREED_TWICE = """\
FROM busybox
RUN echo one > f ; true
RUN sort f > /d/a.txt ; true
COPY sub /
COPY sub /
"""


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@example(Example(FREED_TWICE, Files({"sub/f": ""}), 0))
@given(examples())
def test_a_proposal_is_sound_and_final(drawn: Example) -> None:
    proposal = propose(drawn.subject(), drawn.costs())
    assert problem(proposal) == ""
    again = Example(proposal.text, drawn.context, drawn.seed)
    assert propose(again.subject(), again.costs()).text == proposal.text


@pytest.mark.parametrize(
    "change", [("COPY a b", "COPY b a"), ("RUN x\n", ""), ("# why\n", ""), ("FROM y\n", "")]
)
def test_a_text_that_lost_something_is_refused(change: tuple[str, str]) -> None:
    text = "FROM x\n# why\nCOPY a b\nRUN x\nFROM y\nRUN z\n"
    assert problem(Proposal(original=text, text=text, now=1, after=0)) == ""
    assert problem(Proposal(original=text, text=text.replace(*change), now=1, after=0)) != ""
