from __future__ import annotations

from datetime import date

import pytest

from fastbuild.analysis.run import analyse
from tests.analysis.fakes import keyword_rule, subject

TODAY = date(2026, 6, 1)
RULES = (keyword_rule("FB101", "RUN"), keyword_rule("FB102", "COPY"))


def _codes(text: str) -> list[str]:
    return [f"{f.code}:{f.start}" for f in analyse(subject(text), RULES, today=TODAY)]


def _messages(text: str) -> str:
    return "\n".join(f"{f.message} {f.hint}" for f in analyse(subject(text), RULES, today=TODAY))


def test_an_ignore_holds_for_the_instruction_below_it_only() -> None:
    text = 'FROM a\n# fastbuild ignore=FB101 reason="tiny"\nRUN one\nRUN two\n'
    assert _codes(text) == ["FB101:4"]


def test_other_comments_and_blank_lines_may_stand_between() -> None:
    text = 'FROM a\n# fastbuild ignore=FB101 reason="x"\n# more\n\n# still more\nRUN one\n'
    assert _codes(text) == []


def test_an_ignore_may_stand_between_the_lines_of_its_instruction() -> None:
    text = "FROM a\nRUN one && \\\n  # fastbuild ignore=fb101 reason='x'\n  two\n"
    assert _codes(text) == []


def test_the_body_of_a_heredoc_holds_no_ignores() -> None:
    text = 'FROM a\nRUN <<E\n# fastbuild ignore=FB101 reason="x"\nE\n'
    assert _codes(text) == ["FB101:2"]


def test_several_codes_and_blanks_and_letter_case() -> None:
    text = 'FROM a\n#fastbuild  ignore = fb101 , FB102  reason = "x"\nRUN one\n'
    assert _codes(text) == ["FB004:2"]  # FB102 is not there


def test_a_global_ignore_holds_for_the_whole_file() -> None:
    text = '# fastbuild global ignore=FB101,FB102 reason="made"\nFROM a\nRUN one\nCOPY a b\nRUN two\n'
    assert _codes(text) == []


def test_a_global_ignore_after_a_directive_counts_too() -> None:
    text = '# syntax=docker/dockerfile:1\n# fastbuild global ignore=FB101 reason="x"\nFROM a\nRUN one\n'
    assert _codes(text) == []


def test_a_global_ignore_below_from_is_not_in_force() -> None:
    text = 'FROM a\n# fastbuild global ignore=FB101 reason="x"\nRUN one\n'
    assert _codes(text) == ["FB005:2", "FB101:3"]
    assert "above the first FROM" in _messages(text)


def test_an_ignore_without_a_reason_works_and_says_so() -> None:
    assert _codes("FROM a\n# fastbuild ignore=FB101\nRUN one\n") == ["FB002:2"]


def test_an_expired_ignore_no_longer_applies() -> None:
    text = 'FROM a\n# fastbuild ignore=FB101 reason="x" expires={}\nRUN one\n'
    assert _codes(text.format("2026-06-01")) == []
    assert _codes(text.format("2026-05-31")) == ["FB003:2", "FB101:3"]


def test_an_ignore_that_matches_nothing_is_reported() -> None:
    assert _codes('FROM a\n# fastbuild ignore=FB101 reason="x"\nCOPY a b\n') == ["FB004:2", "FB102:3"]


def test_a_rule_that_was_not_run_makes_no_ignore_unused() -> None:
    text = 'FROM a\n# fastbuild ignore=FB101 reason="x"\nCOPY a b\n'
    known = {"fb101": "FB101", "fb102": "FB102"}
    found = analyse(subject(text), RULES[1:], known=known, today=TODAY)
    assert [f.code for f in found] == ["FB102"]


def test_an_unknown_code_gets_a_suggestion() -> None:
    text = 'FROM a\n# fastbuild ignore=FB110,FB101 reason="x"\nRUN one\n'
    assert _codes(text) == ["FB005:2"]
    assert "FB110 did you mean FB10" in _messages(text)


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("ignore=", "names no code"),
        ('ignore=FB101 reason="x" expires=tomorrow', "no date"),
        ('ignore=FB101 raison="x"', "raison"),
        ('ignore=FB101 reason="x" and more', "and more"),
        ('local ignore=FB101 reason="x"', "no scope"),
        ('ignore=FB101 reason="open', "reason"),
    ],
)
def test_what_can_not_be_understood_is_not_in_force(comment: str, said: str) -> None:
    text = f"FROM a\n# fastbuild {comment}\nRUN one\n"
    assert _codes(text) == ["FB005:2", "FB101:3"]
    assert said in _messages(text)


def test_an_ignore_below_the_last_instruction_is_pointed_at() -> None:
    assert _codes('FROM a\n# fastbuild ignore=FB101 reason="x"') == ["FB005:2"]


def test_crlf_files_have_ignores_too() -> None:
    assert _codes('FROM a\r\n# fastbuild ignore=FB101 reason="x"\r\nRUN one\r\n') == []


def test_lines_are_counted_over_heredocs_and_continuations() -> None:
    text = 'FROM a\nCOPY <<E /a\nx\n\nE\n\nENV a=1 \\\n  b=2\n# fastbuild ignore=FB102 reason="y"\nRUN one\n'
    assert _codes(text) == ["FB102:2", "FB004:9", "FB101:10"]


def test_words_about_fastbuild_are_no_ignores() -> None:
    assert _codes("FROM a\n# built with fastbuild, ignore=all\nCOPY a b\n") == ["FB102:3"]
