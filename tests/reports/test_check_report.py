from __future__ import annotations

import json

import pytest

from fastbuild.analysis.finding import Cost, Finding, Level
from fastbuild.explain.promised import Judgement, Status
from fastbuild.reports.check import RULES, Report, Tried, render

BROKEN = Finding(
    code="contract-broken",
    level=Level.ERROR,
    message='contract "code" is broken: changing src/a runs `RUN x` (line 2) again',
    start=2,
    end=2,
    hint="move line 2",
    cost=Cost(seconds=3.0, measured=True),
)
DISAGREES = Finding(code="keys-disagree", level=Level.WARNING, message="not as said", start=1, end=1)
KEPT = Judgement(kind="contract", name="docs", status=Status.KEPT, said='contract "docs": kept (1 file)')
FAILED = Judgement(
    kind="contract", name="code", status=Status.BROKEN, said='contract "code": broken', findings=(BROKEN,)
)
OPEN = Judgement(kind="budget", name="code_change", status=Status.UNKNOWN, said="budget: unknown")


def report(*judgements: Judgement, **more: object) -> Report:
    return Report(path="Dockerfile", source="FROM a\nRUN x\n", judgements=judgements, **more)  # type: ignore[arg-type]


def test_the_gate_is_open_where_all_is_kept_or_not_known() -> None:
    assert report(KEPT, OPEN).passes
    assert report(KEPT, OPEN, others=(DISAGREES,)).passes


def test_one_broken_promise_closes_it() -> None:
    assert not report(KEPT, FAILED).passes
    assert not report(KEPT, others=(BROKEN,)).passes


def test_people_see_findings_and_one_line_for_each_promise() -> None:
    text = render(report(KEPT, FAILED, graph=0.25, decided=0.0021), "text")
    assert "Dockerfile:2: error: contract" in text
    assert "> 2 | RUN x" in text
    assert text.endswith(
        'contract "docs": kept (1 file)\ncontract "code": broken\n'
        "1 of 2 promises kept; decided in 2 ms after the engine's graph (0.2 s)\n"
    )


def test_what_was_built_is_said() -> None:
    tried = Tried(name="code", change="changing src/a", ran=("`RUN x`",), steps=5, agree=4, open=1)
    text = render(report(KEPT, tried=(tried,)), "text")
    said = 'real: contract "code": after changing src/a 1 step ran; the keys agree on 4 of 5'
    assert f"{said}, 1 only building could tell\n" in text


def test_json_has_everything() -> None:
    answer = json.loads(render(report(KEPT, FAILED, others=(DISAGREES,)), "json"))
    assert (answer["version"], answer["passes"]) == (1, False)
    assert [each["status"] for each in answer["promises"]] == ["kept", "broken"]
    assert answer["promises"][1]["findings"][0]["seconds"] == 3.0
    assert answer["others"][0]["code"] == "keys-disagree"


@pytest.mark.parametrize("form", ["sarif", "github", "gitlab", "markdown"])
def test_every_format_names_code_and_message(form: str) -> None:
    text = render(report(FAILED), form)
    assert "contract-broken" in text
    assert "changing src/a" in text


def test_every_code_that_is_used_has_a_title() -> None:
    assert {BROKEN.code, DISAGREES.code} <= RULES.keys()
