from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis import rules
from fastbuild.analysis.finding import Level
from fastbuild.analysis.fixes import edited
from fastbuild.analysis.rule import plain_name, title
from fastbuild.analysis.rules import RULES
from tests.analysis.rules.catching import caught, examples

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

HEADINGS = ["What it finds", "Why", "Example", "When this is wrong", "Fix safety"]

each_rule = pytest.mark.parametrize("rule", RULES, ids=plain_name)


@each_rule
def test_a_manual_has_a_title_and_the_five_headings(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z].{10,90}", title(rule))
    assert re.findall(r"^## (.*)$", rule.__doc__ or "", re.MULTILINE) == HEADINGS


@each_rule
def test_the_bad_example_is_caught_and_the_good_one_is_not(rule: Rule) -> None:
    found = list(examples(rule.__doc__ or ""))
    assert len(found) == 2
    bad, good = found
    assert caught(rule, bad.dockerfile, context=bad.context, measured=bad.measured)
    assert caught(rule, good.dockerfile, context=good.context, measured=good.measured) == []


@each_rule
def test_findings_point_at_lines_and_read_as_sentences_without_a_full_stop(rule: Rule) -> None:
    bad = next(examples(rule.__doc__ or ""))
    lines = len(bad.dockerfile.splitlines())
    for finding in caught(rule, bad.dockerfile, context=bad.context, measured=bad.measured):
        assert finding.code == rule.CODE
        assert 1 <= finding.start <= finding.end <= lines
        assert finding.hint
        assert not finding.message.endswith(".")
        assert not finding.hint.endswith(".")


@each_rule
def test_a_fix_of_the_bad_example_removes_the_finding_and_parses(rule: Rule) -> None:
    bad = next(examples(rule.__doc__ or ""))
    for finding in caught(rule, bad.dockerfile, context=bad.context, measured=bad.measured):
        edits = [edit for edit in finding.fix.edits if not edit.file] if finding.fix else []
        text = edited(bad.dockerfile, edits)
        assert text is not None
        assert not edits or caught(rule, text, context=bad.context) == []


def test_codes_are_unique_and_in_order() -> None:
    codes = [rule.CODE for rule in RULES]
    assert codes == sorted(set(codes))
    assert all(re.fullmatch(r"FB[1-6]\d\d", code) for code in codes)


def test_every_module_of_the_package_is_registered() -> None:
    modules = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules == {rule.__name__.rpartition(".")[2] for rule in RULES}


def test_levels_are_levels() -> None:
    assert {rule.LEVEL for rule in RULES} == set(Level)
