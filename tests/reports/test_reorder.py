from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.images.compare import Difference
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.prove import Proof, Smoke, Verdict
from fastbuild.reports.reorder import as_html, as_json, as_markdown, as_text
from fastbuild.reports.reorder.holds import held
from fastbuild.reports.reorder.moves import percent, rows
from tests.reports import suggestions
from tests.reports.suggestions import ALL, BETTER, DOUBT, PROVED, REFUTED, SURE, real

GOLDENS = Path(__file__).parent / "golden_reorder"
RENDERERS = {
    "text": as_text.render,
    "json": as_json.render,
    "markdown": as_markdown.render,
    "html": as_html.render,
}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

EVIL = (
    "\x1b[2J\x1b]0;t\x07 ##[add-mask]y ##vso[a]b | ``` `c` </code></script><img src=x onerror=alert(1)> @all"
)
EVIL += " [l](http://e) *b* {{ 7*7 }} \u202e \udcff \u2028::error::x"
HOSTILE = f"""\
FROM python:3.11-slim AS base
ARG GIT_SHA=unknown
LABEL evil="{EVIL}"
WORKDIR /app
COPY . .
  ::error::x
RUN pip install -r requirements.txt\r
RUN echo "{"long " * 100}{EVIL}"
RUN <<END
::set-output name=a::b
```
</pre></svg>
END
""".replace("  ::error::x\n", "# ::error::x\n")


class Page(HTMLParser):
    """Counts elements, gathers attributes and checks that all are closed."""

    VOID = frozenset({"meta", "link", "br", "circle", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID or (tag == "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def _evil() -> dict[str, Any]:
    """A suggestion with hostile text in every place that can hold it."""
    proof = Proof(
        verdict=Verdict.DIFFERENT,
        reason=f"{EVIL}\n::error::y",
        differences=(Difference(path=f"/a\n::error::{EVIL}", what=EVIL, a=EVIL, b="\r::x::"),),
        noise=(EVIL,),
        unexplained=(EVIL, "\n::error::z"),
        smoke=(Smoke(exit_code=1, output=f"{EVIL}\n{EVIL}"),),
    )
    found = real(HOSTILE, path=f"d\n::error::{EVIL}/Dockerfile", requirements_txt="a==1", app_py="")
    assert found.proposal.stages, "the case is to have a proposal"
    stages = tuple(replace(stage, name=EVIL, doubts=(EVIL,)) for stage in found.proposal.stages)
    proposal = replace(found.proposal, stages=stages)
    graph = proposal.held[0]
    graph = replace(
        graph, edges=tuple(replace(e, why=f"{EVIL}\n::error::w", trust=Trust.LIKELY) for e in graph.edges)
    )
    proposal = replace(proposal, held=(graph,))
    return {
        "proposed": replace(found, proposal=proposal, likely=proposal, why_assumed=EVIL, proof=proof),
        "kept": replace(found, proposal=replace(proposal, stages=()), likely=proposal),
    }


@pytest.mark.parametrize("format_", RENDERERS)
@pytest.mark.parametrize("name", ALL)
def test_every_report_is_as_kept(name: str, format_: str) -> None:
    text = RENDERERS[format_](ALL[name], why=name in ("better", "doubtful"))
    path = GOLDENS / f"{name}.{format_}"
    if os.environ.get("FASTBUILD_UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("format_", RENDERERS)
@pytest.mark.parametrize("name", ["proposed", "kept"])
def test_no_report_lets_hostile_text_act(name: str, format_: str) -> None:
    text = RENDERERS[format_](_evil()[name], why=True)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", text)
    assert not re.search(r"##\[|##vso\[", text) or format_ == "json"
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    text.encode("utf-8")


def test_hostile_text_is_no_markup_in_the_page() -> None:
    for suggestion in _evil().values():
        page = Page(as_html.render(suggestion, why=True))
        assert not {"script", "img", "iframe", "a"} & {tag for tag, _ in page.elements}
        assert not [attrs for _, attrs in page.elements if any(name.startswith("on") for name in attrs)]
        assert "{{ 7*7 }}" in "".join(page.words)


def test_hostile_text_is_no_markup_in_markdown() -> None:
    for suggestion in _evil().values():
        text = as_markdown.render(suggestion, why=True)
        outside = re.sub(r"^(`{3,})diff\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
        assert "<img" not in outside
        assert "@all" not in outside
        assert "](http" not in outside
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in outside.splitlines() if row[:1] == "|"} <= {8}


def test_a_fence_in_the_dockerfile_does_not_end_the_diff() -> None:
    text = as_markdown.render(_evil()["proposed"])
    (fence,) = re.findall(r"^(`{3,})diff$", text, re.MULTILINE)
    inside = text.split(f"{fence}diff\n")[1].split(f"\n{fence}\n")[0]
    assert len(fence) > max(map(len, re.findall("`+", inside)))


def test_colour_changes_nothing_but_colour() -> None:
    for suggestion in ALL.values():
        coloured = as_text.render(suggestion, colour=True, why=True)
        assert "\x1b[" in coloured
        assert COLOUR.sub("", coloured) == as_text.render(suggestion, why=True)


def test_the_terminal_has_80_columns_but_for_the_diff() -> None:
    for suggestion in (
        *ALL.values(),
        *_evil().values(),
        real(MANY),
        real(STAGES, requirements_txt="flask==3.0.0\n", app_py=""),
    ):
        lines = as_text.render(suggestion, why=True).split("\n")
        after_the_diff = lines[len(suggestion.diff()) :]
        assert [line for line in after_the_diff if len(line) > 80] == []


def test_json_is_ascii_and_holds_the_whole_text() -> None:
    found = real("FROM busybox\nRUN echo é \udcff\n")
    text = as_json.render(found)
    assert text.isascii()
    answer = json.loads(text)
    assert answer["version"] == 1
    assert answer["dockerfile"] == "FROM busybox\nRUN echo é \ufffd\n"
    assert json.loads(as_json.render(BETTER))["dockerfile"] == BETTER.proposal.text


def test_the_manual_names_every_field_of_the_json() -> None:
    manual = (Path(__file__).parents[2] / "docs/reference/reorder.md").read_text()
    documented = set(re.findall(r"`([a-z_]+)`", manual.split("## JSON")[1].split("\n## ")[0]))
    fields: set[str] = set()

    def gather(value: object) -> None:
        if isinstance(value, dict):
            fields.update(value)
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            gather(each)

    smoked = replace(REFUTED.proof, smoke=(Smoke(exit_code=0, output=""),)) if REFUTED.proof else None
    for suggestion in (*ALL.values(), replace(REFUTED, proof=smoked)):
        gather(json.loads(as_json.render(suggestion, why=True)))
    assert fields - documented == set()


def test_json_numbers_of_the_steps_add_up_to_the_stage() -> None:
    found = real(STAGES, requirements_txt="flask==3.0.0\n", app_py="")
    stages = json.loads(as_json.render(found))["stages"]
    assert len(stages) == 8
    for stage in stages:
        after = sum(step["seconds"] * step["share_after"] for step in stage["steps"])
        assert after == pytest.approx(stage["seconds_per_commit"]["after"], abs=1e-4)
        now = sum(step["seconds"] * (step["share_now"] or 0) for step in stage["steps"])
        assert now == pytest.approx(stage["seconds_per_commit"]["now"], abs=1e-4)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_the_diff_can_be_applied(end: str) -> None:
    original, text = suggestions.BEFORE, suggestions.AFTER
    if end != "\n":
        original, text = (t.rstrip("\n").replace("\n", end or "\n") + end for t in (original, text))
    patch = replace(BETTER, proposal=replace(SURE, original=original, text=text)).patch()
    assert _applied(original, patch) == text
    assert ("\\ No newline at end of file" in patch) == (end == "")


def _applied(original: str, patch: str) -> str:
    """As patch(1) does it, with one hunk."""
    head, _, body = patch.partition("@@\n")
    assert head.startswith("--- a/shop/Dockerfile\n+++ b/shop/Dockerfile\n@@ -1,")
    rows = re.findall(r"[^\n]*\n(?:\\ No newline[^\n]*\n)?", body)
    old = "".join(_unmarked(row) for row in rows if row[0] in " -")
    assert original.startswith(old)
    return "".join(_unmarked(row) for row in rows if row[0] in " +") + original[len(old) :]


def _unmarked(row: str) -> str:
    line, _, mark = row[1:].partition("\n")
    return line if mark else f"{line}\n"


def test_each_move_says_its_reason_saving_and_safety() -> None:
    table = {row.step.line: row for row in rows(SURE.stages[0], BETTER)}
    assert table[6].reason == (
        "no longer follows line 2 (ARG GIT_SHA=unknown), which changes in 100 % of commits, "
        "nor line 5 (COPY . .), which changes in 84 % of commits"
    )
    assert (table[6].saving, table[6].safety) == ("31.3", "by the model")
    assert table[5].reason == "", "it did not move"
    assert table[None].now == "new"


def test_only_steps_in_doubt_need_a_proof() -> None:
    doubtful = replace(PROVED, proof=None)
    safety = {row.step.line: row.safety for row in rows(doubtful.proposal.stages[0], doubtful)}
    assert safety[7] == f"needs --prove: {DOUBT}"
    assert safety[6] == "by the model"
    assert {row.safety for row in rows(PROVED.proposal.stages[0], PROVED)} == {"proved", ""}
    assert {row.safety for row in rows(REFUTED.proposal.stages[0], REFUTED)} == {"not proved", ""}


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_a_failed_proof_is_not_sold_as_a_saving(format_: str) -> None:
    text = RENDERERS[format_](REFUTED)
    assert "not proved" in text
    assert "different" in text
    assert "stays the same" not in text


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.001, "<1 %"), (0.84, "84 %"), (0.999, ">99 %"), (1, "100 %"), (0.005, "<1 %")],
)
def test_a_share_is_never_rounded_to_never_or_always(share: float, said: str) -> None:
    assert percent(share) == said


def test_the_basis_says_what_was_measured() -> None:
    assert "counted in git's last 42" in BETTER.basis()
    assert "seconds of 1 of 4 steps are measured" in BETTER.basis()
    doubtful = ALL["doubtful"].basis()
    assert "assumed (no git here)" in doubtful
    assert "estimates" in doubtful


def test_equal_reasons_are_told_once() -> None:
    table = {each.line: each.holds for each in held(SURE.held[0])}
    first, second = table[7]
    assert (first.after, first.unless_proved) == ("lines 2-5", False)
    assert (second.after, second.why, second.unless_proved) == ("line 6", DOUBT, True)


def test_the_page_names_its_pictures_and_its_boxes() -> None:
    for suggestion in ALL.values():
        page = Page(as_html.render(suggestion))
        pictures = [attrs for _, attrs in page.elements if attrs.get("role") == "img"]
        assert len(pictures) == (3 if suggestion.proposal.stages else 1)
        boxes = [attrs for _, attrs in page.elements if attrs.get("tabindex") == "0"]
        assert all(attrs.get("aria-label") for attrs in (*pictures, *boxes))
        ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
        assert len(ids) == len(set(ids))
        wanted = [attrs["aria-labelledby"] for _, attrs in page.elements if "aria-labelledby" in attrs]
        assert set(wanted) <= set(ids)


def test_the_page_needs_nothing_else() -> None:
    page = Page(as_html.render(BETTER))
    addresses = [v for _, attrs in page.elements for k, v in attrs.items() if k in ("src", "href")]
    assert addresses == ["data:,"]
    assert "url(" not in as_html.render(BETTER)


def test_the_graph_leaves_out_what_a_chain_implies() -> None:
    page = Page(as_html.render(BETTER))
    # WORKDIR → COPY → RUN pip → RUN apt-get, WORKDIR → COPY . .; not WORKDIR → RUN pip
    assert len(page.named("path")) == 4
    assert len(page.named("circle")) == 7


MANY = "FROM debian:bookworm-slim\nCOPY . /src\n" + "".join(
    f"ENV V{n}={n}\nRUN apt-get update && apt-get install -y package{n}\n" for n in range(30)
)
_LONG = "FROM python:3.11-slim AS s{n}\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
STAGES = "".join(_LONG.format(n=n) for n in range(8))


def test_a_long_stage_shows_what_changes_and_counts_the_rest() -> None:
    found = real(MANY, app_py="")
    assert len(found.proposal.held[0].nodes) == 61
    assert found.proposal.stages
    text = as_text.render(found)
    assert re.search(r"^ +\d+ other steps?: as before, ", text, re.MULTILINE)
    assert len(as_markdown.render(found, why=True)) < 65_536
    Page(as_html.render(found, why=True))


def test_a_long_markdown_says_what_is_left_out() -> None:
    text = "FROM busybox\nCOPY . /src\n" + "".join(f"RUN echo {n} {'x' * 500}\n" for n in range(60))
    changed = "FROM busybox\n" + "".join(f"RUN echo {n} {'y' * 500}\n" for n in range(60))
    said = as_markdown.render(replace(BETTER, proposal=replace(SURE, original=text, text=changed)), why=True)
    assert re.search(r"^\d+ lines of the diff are not shown\.$", said, re.MULTILINE)
    assert len(said) < 65_536


def test_each_of_eight_stages_has_its_own_table() -> None:
    found = real(STAGES, requirements_txt="flask==3.0.0\n", app_py="")
    assert len(found.proposal.stages) == 8
    text = as_text.render(found)
    assert re.findall(r"^stage (\w+): ", text, re.MULTILINE) == [f"s{n}" for n in range(8)]
    page = Page(as_html.render(found))
    assert len(page.named("svg")) == 8
    assert len(page.named("table")) == 8


def test_the_diff_shows_no_carriage_returns_where_every_line_has_one() -> None:
    crlf = replace(
        BETTER,
        proposal=replace(
            SURE, original=SURE.original.replace("\n", "\r\n"), text=SURE.text.replace("\n", "\r\n")
        ),
    )
    assert crlf.diff() == BETTER.diff()
    assert parse(crlf.proposal.text).stages
