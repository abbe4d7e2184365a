"""Findings in every format, as kept in `golden_findings/`, and with a Dockerfile that wants to break them.

After a wanted change: `FASTBUILD_UPDATE_GOLDENS=1 pytest tests/reports`, then read the diff.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from fastbuild.analysis.catalogue import OWN, RuleInfo
from fastbuild.analysis.finding import Cost, Edit, Finding, Fix, Level, Safety
from fastbuild.analysis.fixes import edited
from fastbuild.analysis.run import FileReport
from fastbuild.reports.findings import as_github, as_gitlab, as_json, as_markdown, as_sarif, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
RENDERERS: dict[str, Callable[[Sequence[FileReport]], str]] = {
    "text": as_text.render,
    "json": as_json.render,
    "sarif": as_sarif.render,
    "markdown": as_markdown.render,
    "github": as_github.render,
    "gitlab": as_gitlab.render,
}
SCHEMA = json.loads((HERE / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))

SOURCE = """FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
ENV A=1
"""
RULES = {
    **OWN,
    "FB101": RuleInfo(
        code="FB101",
        name="copy-before-install",
        title="Files are copied before dependencies are installed",
        level=Level.WARNING,
        manual="## What it finds\n\nA COPY before an install.",
    ),
    "FromAsCasing": RuleInfo(
        code="FromAsCasing",
        name="from-as-casing",
        title="BuildKit's check: from as casing",
        level=Level.WARNING,
        url="https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
    ),
}
FIX = Fix(
    title="copy requirements.txt first",
    safety=Safety.SAFE,
    edits=(
        Edit(
            start=3, end=4, text="COPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . .\n"
        ),
        Edit(start=1, end=0, text=".git\n", file=".dockerignore"),
    ),
)
FOUND = (
    Finding(
        code="FB101",
        level=Level.WARNING,
        message="`COPY . .` comes before `pip install`, so every change installs anew",
        start=3,
        end=4,
        hint="copy requirements.txt first",
        cost=Cost(seconds=42.3, size=120_000_000, measured=True),
        fix=FIX,
    ),
    Finding(
        code="FromAsCasing", level=Level.INFO, message="'as' and 'FROM' keywords' casing", start=1, end=1
    ),
    Finding(code="FB102", level=Level.ERROR, message="there is no .dockerignore", start=0, end=0),
)
REPORTS = (
    FileReport(path="app/Dockerfile", source=SOURCE, findings=FOUND, rules=RULES, context="app"),
    FileReport(path="clean/Dockerfile", source=SOURCE, rules=RULES),
)

EVIL = "\x1b[2J\x1b]0;t\x07::error::x ##[add-mask]y ##vso[a]b | `c` <img src=x> [l](http://e) @all *b* _i_ "
EVIL += "\u202e \udcff"
HOSTILE = FileReport(
    path="::error::a|b`c\n\x1b[1m,:%0A<i>/Dockerfile",
    source=f"FROM a\n{EVIL}\r::warning::line\nRUN \x00\x9b31m\n",
    findings=(
        Finding(
            code="FB101",
            level=Level.ERROR,
            message=EVIL + "\n::set-output name=a::b\r::x::",
            start=2,
            end=3,
            hint=EVIL,
            cost=Cost(seconds=1),
            fix=Fix(title=EVIL, safety=Safety.UNSAFE, edits=(Edit(start=2, end=2, text=EVIL + "\n"),)),
        ),
    ),
    rules=RULES,
)


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_is_as_kept(name: str) -> None:
    text = RENDERERS[name](REPORTS)
    path = HERE / "golden_findings" / f"report.{name}"
    if os.environ.get("FASTBUILD_UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", RENDERERS)
def test_nothing_found_is_a_valid_report(name: str) -> None:
    for reports in ((), (REPORTS[1],)):
        text = RENDERERS[name](reports)
        assert text.endswith("\n")
        if name in ("json", "sarif", "gitlab"):
            json.loads(text)


@pytest.mark.parametrize("name", RENDERERS)
def test_no_format_lets_control_characters_through(name: str) -> None:
    text = RENDERERS[name]((HOSTILE,))
    decoded = (
        json.dumps(json.loads(text), ensure_ascii=False) if name in ("json", "sarif", "gitlab") else text
    )
    if name in ("json", "sarif"):  # a fix's text must stay what it is
        assert "\\u001b" in decoded
        decoded = decoded.replace(r"\u001b", "").replace(r"\u0007", "").replace("\u202e", "")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", decoded)
    text.encode("utf-8")


@pytest.mark.parametrize("name", ["text", "markdown", "github"])
def test_no_line_is_a_command_to_a_ci_runner_but_our_own(name: str) -> None:
    text = RENDERERS[name]((HOSTILE,))
    assert not re.search(r"##\[|##vso\[", text)
    commands = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    if name == "github":
        (command,) = commands
        assert command.startswith(
            "::error file=%3A%3Aerror%3A%3Aa|b`c\\x0a\\x1b[1m%2C%3A%250A<i>/Dockerfile,line=2,"
        )
        properties = command.removeprefix("::error ").split("::")[0]
        assert [p.split("=")[0] for p in properties.split(",")] == ["file", "line", "endLine", "title"]
    else:
        assert commands == []


def test_markdown_has_one_row_per_finding_whatever_is_in_it() -> None:
    lines = as_markdown.render((HOSTILE,)).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 3
    assert len(re.findall(r"(?<!\\)\|", rows[2])) == 5
    assert "<img" not in rows[2]
    assert "@all" not in rows[2]
    assert "](http" not in rows[2]


def test_markdown_shows_what_is_in_backticks_as_code() -> None:
    assert "<code>COPY . .</code> comes before <code>pip install</code>" in as_markdown.render(REPORTS)


def test_long_markdown_says_how_much_is_left_out() -> None:
    many = replace(REPORTS[0], findings=tuple(replace(FOUND[0], start=n, end=n) for n in range(1, 302)))
    text = as_markdown.render((many,))
    assert "101 more are not shown." in text
    assert len(text) < 65_536


def test_sarif_obeys_the_schema() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    for reports in (REPORTS, (HOSTILE,), (), (replace(HOSTILE, source=""),)):
        validator.validate(json.loads(as_sarif.render(reports, version="1.0")))


def test_the_schema_refuses_what_is_no_sarif() -> None:
    report = json.loads(as_sarif.render(REPORTS))
    report["runs"][0]["results"][0]["level"] = "bad"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(report)


@pytest.mark.parametrize("source", ["a\nb\nc\n", "a\nb\nc", "a\n", "a", "", "ä\U0001f600"])
def test_sarif_replacements_do_what_the_fix_does(source: str) -> None:
    count = len(source.removesuffix("\n").split("\n")) if source else 0
    for start in range(1, count + 2):
        for end in range(start - 1, count + 1):
            for text in ("new\n", "x\ny\n", ""):
                edit = Edit(start=start, end=end, text=text)
                fix = Fix(title="t", safety=Safety.SAFE, edits=(edit,))
                finding = Finding(code="FB101", level=Level.INFO, message="m", start=1, end=1, fix=fix)
                report = FileReport(path="Dockerfile", source=source, findings=(finding,))
                (result,) = json.loads(as_sarif.render((report,)))["runs"][0]["results"]
                change = result["fixes"][0]["artifactChanges"][0]["replacements"][0]
                mine, theirs = edited(source, [edit]), _replaced(source, change)
                assert mine is not None
                assert theirs.removesuffix("\n") == mine.removesuffix("\n"), (edit, change)


def _replaced(source: str, change: dict[str, Any]) -> str:
    """As a SARIF viewer does it: columns in UTF-16 units, from 1."""
    region = change["deletedRegion"]
    raw = source.encode("utf-16-le")
    lines = source.split("\n")

    def offset(line: int, column: int) -> int:
        assert 1 <= line <= len(lines)
        before = sum(len((text + "\n").encode("utf-16-le")) for text in lines[: line - 1])
        return before + 2 * (column - 1)

    begin = offset(region["startLine"], region["startColumn"])
    end = offset(region["endLine"], region["endColumn"])
    new = change["insertedContent"]["text"].encode("utf-16-le")
    return (raw[:begin] + new + raw[end:]).decode("utf-16-le")


def test_paths_become_valid_references_in_sarif() -> None:
    report = replace(REPORTS[0], path="a b/ü#?.Dockerfile", findings=FOUND[1:2])
    absolute = replace(report, path="/tmp/Dockerfile")
    runs = json.loads(as_sarif.render((report, absolute)))["runs"]
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in runs[0]["results"]]
    assert uris == ["a%20b/%C3%BC%23%3F.Dockerfile", "file:///tmp/Dockerfile"]


@pytest.mark.parametrize(("context", "uri"), [("app", "app/.dockerignore"), (".", ".dockerignore")])
def test_a_fix_of_the_ignore_file_is_in_the_context(context: str, uri: str) -> None:
    report = replace(REPORTS[0], context=context)
    (run,) = json.loads(as_sarif.render((report,)))["runs"]
    changes = run["results"][0]["fixes"][0]["artifactChanges"]
    assert [change["artifactLocation"]["uri"] for change in changes] == ["app/Dockerfile", uri]


def test_fingerprints_stay_when_lines_are_added_above() -> None:
    moved = replace(
        REPORTS[0],
        source="# one\n# two\n" + SOURCE,
        findings=tuple(replace(f, start=f.start + 2, end=f.end + 2) for f in FOUND[:2]),
    )
    before = [entry["fingerprint"] for entry in json.loads(as_gitlab.render(REPORTS))][:2]
    assert [entry["fingerprint"] for entry in json.loads(as_gitlab.render((moved,)))] == before


def test_equal_findings_have_different_fingerprints() -> None:
    twice = replace(REPORTS[0], source="RUN a\nRUN a\n", findings=tuple(
        replace(FOUND[1], start=n, end=n) for n in (1, 2)
    ))  # fmt: skip
    marks = [entry["fingerprint"] for entry in json.loads(as_gitlab.render((twice,)))]
    assert len(set(marks)) == 2


def test_a_long_finding_shows_its_ends() -> None:
    source = "".join(f"RUN line{n} \\\n" for n in range(1, 31))
    text = as_text.render((FileReport(path="D", source=source, findings=(replace(FOUND[1], end=30),)),))
    assert ("line4 " in text, "line5 " in text, "line26 " in text, "line27 " in text, "line30" in text) == (
        True, False, False, True, True,
    )  # fmt: skip
    assert text.count("…") == 1


def test_colour_changes_nothing_but_colour() -> None:
    coloured = as_text.render(REPORTS, colour=True)
    assert "\x1b[1;33mwarning\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text.render(REPORTS)
