"""The suggestion as one self-contained HTML page: bars, moves, the graph of constraints, the diff."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastbuild.reports.findings.safe import visible
from fastbuild.reports.reorder.drawing import drawing
from fastbuild.reports.reorder.holds import held, name_of
from fastbuild.reports.reorder.moves import by_saving, cut, percent, rows
from fastbuild.reports.words import plural, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template

    from fastbuild.reorder.constraints import Graph
    from fastbuild.reorder.propose import StagePlan
    from fastbuild.reorder.prove import Proof
    from fastbuild.reports.reorder.moves import Row
    from fastbuild.reports.reorder.suggestion import Suggestion

LONGEST = 90
"""Characters of an instruction in a table."""
LEAST_WIDE = 0.3
"""Percent of the bar below which a step has no segment."""
LABELLED = 12
"""Percent of the bar from which on a segment has a label."""
MOST = 200
"""Differences of a proof that are listed."""
KINDS = {"+": "add", "-": "del", "@": "dim", "\\": "dim"}


def render(suggestion: Suggestion, *, colour: bool = False, why: bool = False) -> str:
    """The page. Everything from the Dockerfile is escaped. `why` opens the list of constraints."""
    del colour
    proposal = suggestion.proposal
    graphs = [graph for graph in proposal.held if graph.nodes]
    changed = [_changed(stage, suggestion) for stage in proposal.stages]
    return _template().render(
        path=visible(suggestion.path),
        shares=_sentence(suggestion.shares_basis()),
        seconds=_sentence(suggestion.seconds_basis()),
        now=seconds(proposal.now),
        after=seconds(proposal.after),
        less=percent((proposal.now - proposal.after) / proposal.now) if proposal.now > 0 else "",
        exact=proposal.exact,
        several=len(graphs) > 1,
        stages=changed or [_unchanged(graph) for graph in graphs],
        changes=bool(changed),
        likely=suggestion.likely
        and {
            "after": seconds(suggestion.likely.after),
            "doubts": list(map(visible, suggestion.likely.doubts)),
        },
        proof=suggestion.proof and _proof(suggestion.proof),
        diff=[{"text": line or " ", "kind": _kind(line)} for line in suggestion.diff()],
        held=[{"name": name_of(graph), "steps": held(graph)} for graph in graphs],
        open=why,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment

    text = files("fastbuild.reports.reorder").joinpath("page.html.j2").read_text(encoding="utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _kind(line: str) -> str:
    return "dim" if line.startswith(("+++", "---")) else KINDS.get(line[:1], "")


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "verdict": proof.verdict.value,
        "good": proof.verdict.value == "equivalent",
        "reason": visible(proof.reason),
        "differences": [visible(str(each)) for each in proof.differences[:MOST]],
        "more": max(len(proof.differences) - MOST, 0),
        "noise": plural(len(proof.noise), "path") if proof.noise else "",
    }


def _changed(stage: StagePlan, suggestion: Suggestion) -> dict[str, Any]:
    table = rows(stage, suggestion)
    original = sorted((row for row in table if row.step.line), key=lambda row: row.step.line or 0)
    scale = 100 / max(stage.now, stage.after, 0.001)
    now = [(row, row.step.seconds * (row.step.share_now or 0)) for row in original]
    after = [(row, row.step.seconds * row.step.share_after) for row in table]
    timed = [row for row in table if row.step.seconds >= 0.01]
    return {
        "index": stage.index,
        "name": visible(stage.name),
        "bars": [_bar("now", stage.now, now, scale), _bar("after", stage.after, after, scale)],
        "rows": [(cut(row.text, LONGEST), row) for row in timed],
        "moves": [(cut(row.text, LONGEST), row) for row in by_saving(table)],
        "graph": drawing(
            stage.graph,
            stage.order,
            [row.step.line for row in table],
            [bool(row.reason) for row in table],
        ),
    }


def _unchanged(graph: Graph) -> dict[str, Any]:
    count = len(graph.nodes)
    return {
        "index": graph.nodes[0].step.stage.index,
        "name": name_of(graph),
        "graph": drawing(graph, range(count), [node.line for node in graph.nodes], [False] * count),
    }


def _bar(which: str, total: float, costs: Iterable[tuple[Row, float]], scale: float) -> dict[str, Any]:
    shown = [(row, value) for row, value in costs if value * scale >= LEAST_WIDE]
    said = "; ".join(f"{cut(row.text, LONGEST)}: {seconds(value)}" for row, value in shown)
    return {
        "which": which,
        "total": seconds(total),
        "name": f"{which}: {seconds(total)} per commit. {said}",
        "segments": [
            {
                "width": f"{value * scale:.2f}",
                "title": f"{row.text}: {seconds(value)} per commit",
                "label": row.text if value * scale >= LABELLED else "",
            }
            for row, value in shown
        ],
    }
