from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.finding import Finding, Level
from fastbuild.analysis.run import FileReport, analyse
from tests.analysis.fakes import keyword_rule, rule, subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.rule import Rule
    from fastbuild.analysis.subject import Subject

TEXT = "FROM busybox\nRUN one\nRUN two\nCOPY a /\n"


def _broken(_: Subject) -> Iterator[Finding]:
    yield Finding(code="FB109", level=Level.INFO, message="before", start=1, end=1)
    raise LookupError("nowhere")


def test_findings_are_sorted_by_line_whatever_the_order_of_rules() -> None:
    rules = (keyword_rule("FB102", "COPY"), keyword_rule("FB101", "RUN"))
    found = analyse(subject(TEXT), rules)
    assert [(f.code, f.start) for f in found] == [("FB101", 2), ("FB101", 3), ("FB102", 4)]


def test_on_one_line_the_worst_comes_first() -> None:
    rules = (
        keyword_rule("FB101", "COPY", level=Level.INFO),
        keyword_rule("FB102", "COPY", level=Level.ERROR),
    )
    assert [f.code for f in analyse(subject(TEXT), rules)] == ["FB102", "FB101"]


def test_a_rule_that_raises_fails_a_test() -> None:
    with pytest.raises(LookupError):
        analyse(subject(TEXT), (rule("FB109", _broken),))


def test_a_rule_that_raises_does_not_stop_the_others() -> None:
    crashes: list[tuple[Rule, Exception]] = []
    rules = (rule("FB109", _broken), keyword_rule("FB102", "COPY"))
    found = analyse(subject(TEXT), rules, on_crash=lambda *crash: crashes.append(crash))
    assert [f.code for f in found] == ["FB102"]
    assert [(r.CODE, str(e)) for r, e in crashes] == [("FB109", "nowhere")]


def test_an_ignore_of_a_rule_that_raised_is_not_called_unused() -> None:
    text = 'FROM busybox\n# fastbuild ignore=FB109 reason="x"\nRUN one\n'
    assert analyse(subject(text), (rule("FB109", _broken),), on_crash=lambda *_: None) == ()


def test_a_report_knows_its_worst_level() -> None:
    found = analyse(subject(TEXT), (keyword_rule("FB101", "COPY", level=Level.ERROR),))
    assert FileReport(path="Dockerfile", source=TEXT, findings=found).worst is Level.ERROR
    assert FileReport(path="Dockerfile", source=TEXT).worst is None
