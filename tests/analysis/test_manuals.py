"""Every rule has a code, a name and a manual of its own, and docs/rules/ is what its docstring says."""

from __future__ import annotations

import re

import pytest

from docs.generate_rules import FOLDER, pages
from fastbuild.analysis.catalogue import OWN, catalogue, spellings, suggestion
from fastbuild.analysis.finding import Level
from fastbuild.analysis.rules import RULES
from fastbuild.dockerfile.parse import parse

HEADINGS = ("What it finds", "Why", "Example", "When this is wrong", "Fix safety")


def test_codes_and_names_are_unique() -> None:
    infos = catalogue(RULES)
    assert len(infos) == len(RULES) + len(OWN)
    assert len({info.name for info in infos.values()}) == len(infos)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.CODE)
def test_every_manual_has_the_five_headings_and_dockerfiles_that_parse(rule: object) -> None:
    info = catalogue(RULES)[rule.CODE]  # type: ignore[attr-defined]
    assert tuple(re.findall(r"^## (.+)$", info.manual, re.MULTILINE)) == HEADINGS
    assert re.fullmatch(r"FB[1-9]\d\d", info.code)
    assert isinstance(info.level, Level)
    assert info.title
    assert "\n" not in info.title
    for example in re.findall(r"^```dockerfile\n(.*?)^```$", info.manual, re.MULTILINE | re.DOTALL):
        parse(example)


def test_the_pages_are_fresh() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages(), "run python docs/generate_rules.py"


def test_every_spelling_leads_to_its_code() -> None:
    infos = catalogue(RULES)
    known = spellings(infos.values())
    assert all(known[info.code.lower()] == known[info.name] == info.code for info in infos.values())
    assert suggestion("fb10", known).startswith("did you mean FB1")
    assert suggestion("copy-befor-install", known) == "did you mean copy-before-install?"
    assert suggestion("xyzzy", known) == ""
