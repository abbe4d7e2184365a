from __future__ import annotations

from fastbuild.analysis import lint
from fastbuild.analysis.finding import Finding, Level

ANSWER = """Lint complete, 3 warnings have been found!

WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/
Stage name 'BuilderBase' should be lowercase
Dockerfile:2
--------------------
   1 |     # WARNING: Fake - https://example.com/
   2 | >>> FROM scratch AS BuilderBase
   3 |     COPY Dockerfile \\
--------------------

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD
Dockerfile:11
--------------------
   9 |
  10 | >>> CMD a \\
  11 | >>>   b
--------------------

WARNING: Later
no URL and no frame
"""


def test_the_answer_of_an_engine_becomes_findings() -> None:
    assert [(f.code, f.start, f.end, f.message) for f in lint.read(ANSWER)] == [
        ("StageNameCasing", 2, 2, "Stage name 'BuilderBase' should be lowercase"),
        ("JSONArgsRecommended", 10, 11, "JSON arguments recommended for CMD"),
        ("Later", 0, 0, "no URL and no frame"),
    ]


def test_each_check_has_its_page() -> None:
    infos = lint.infos(ANSWER)
    assert infos["JSONArgsRecommended"].name == "jsonargs-recommended"
    assert infos["StageNameCasing"].url.endswith("/stage-name-casing/")
    assert infos["Later"].url == ""


def test_an_empty_answer_is_no_finding() -> None:
    assert lint.read("") == lint.read("Check complete, no warnings found.\n") == ()


def test_what_our_rule_says_at_the_same_line_is_not_said_twice() -> None:
    (theirs, other, _) = lint.read(ANSWER)
    doubles = {name: codes for name, codes in lint.SAME.items() if codes}
    for name, codes in doubles.items():
        for code in codes:
            ours = Finding(code=code, level=Level.INFO, message="m", start=7, end=7)
            same = Finding(code=name, level=Level.INFO, message="m", start=7, end=7)
            elsewhere = Finding(code=name, level=Level.INFO, message="m", start=8, end=8)
            assert lint.without_doubles((same, elsewhere, theirs), (ours,)) == (elsewhere, theirs)
    assert lint.without_doubles((theirs, other), ()) == (theirs, other)


def test_the_table_of_doubles_names_checks_and_rules_that_exist() -> None:
    from fastbuild.analysis.rules import RULES

    codes = {rule.CODE for rule in RULES}
    assert lint.SAME.keys() <= lint.CHECKS
    assert {code for codes in lint.SAME.values() for code in codes} <= codes
