"""The suggestion as JSON; docs/reference/reorder.md documents every field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.reports.findings.safe import visible
from fastbuild.reports.reorder.moves import rows

if TYPE_CHECKING:
    from fastbuild.reorder.propose import Proposal, StagePlan
    from fastbuild.reorder.prove import Proof
    from fastbuild.reports.reorder.moves import Row
    from fastbuild.reports.reorder.suggestion import Suggestion

VERSION = 1


def render(suggestion: Suggestion, *, colour: bool = False, why: bool = False) -> str:
    """One object, in ASCII, ending in a newline. `why` adds the constraints of the original."""
    del colour
    proposal, likely = suggestion.proposal, suggestion.likely
    answer = {
        "version": VERSION,
        "path": visible(suggestion.path),
        "changes": bool(proposal.stages),
        "seconds_per_commit": {"now": _rounded(proposal.now), "after": _rounded(proposal.after)},
        "basis": _basis(suggestion),
        "exact": proposal.exact,
        "doubts": list(map(visible, proposal.doubts)),
        "stages": [_stage(stage, suggestion) for stage in proposal.stages],
        "with_proof": likely
        and {"seconds_per_commit": _rounded(likely.after), "doubts": list(map(visible, likely.doubts))},
        "proof": suggestion.proof and _proof(suggestion.proof),
        "diff": _utf8(suggestion.patch()),
        "dockerfile": _utf8(proposal.text),
    }
    if why:
        answer["constraints"] = _constraints(proposal)
    return json.dumps(answer, indent=2) + "\n"


def _basis(suggestion: Suggestion) -> dict[str, Any]:
    commits = suggestion.costs.commits
    steps, measured = suggestion.weighed()
    return {
        "commits": 0 if commits.assumed else commits.count,
        "assumed": commits.assumed,
        "assumed_because": visible(suggestion.why_assumed),
        "steps": steps,
        "measured_steps": measured,
        "text": visible(suggestion.basis()),
    }


def _stage(stage: StagePlan, suggestion: Suggestion) -> dict[str, Any]:
    return {
        "index": stage.index,
        "name": visible(stage.name),
        "seconds_per_commit": {"now": _rounded(stage.now), "after": _rounded(stage.after)},
        "exact": stage.exact,
        "doubts": list(map(visible, stage.doubts)),
        "steps": [_step(row) for row in rows(stage, suggestion)],
    }


def _step(row: Row) -> dict[str, Any]:
    step = row.step
    return {
        "instruction": visible(step.text),
        "line": step.line,
        "seconds": _rounded(step.seconds),
        "measured": step.measured,
        "share_now": None if step.share_now is None else _rounded(step.share_now),
        "share_after": _rounded(step.share_after),
        "saving": _rounded(step.saving),
        "moved": step.moved,
        "freed_from": [
            {"instruction": visible(each.text), "line": each.line or None, "share": _rounded(each.share)}
            for each in step.freed
        ],
        "reason": row.reason,
        "safety": row.safety,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    original, rewrite, again = map(_rounded, proof.seconds)
    return {
        "verdict": proof.verdict.value,
        "reason": visible(proof.reason),
        "differences": [
            {
                "path": visible(each.path),
                "what": visible(each.what),
                "original": visible(each.a),
                "rewrite": visible(each.b),
                "step": visible(each.step),
            }
            for each in proof.differences
        ],
        "noise": list(map(visible, proof.noise)),
        "unexplained": list(map(visible, proof.unexplained)),
        "seconds": {"original": original, "rewrite": rewrite, "original_again": again},
        "smoke": [{"exit_code": run.exit_code, "output": visible(run.output)} for run in proof.smoke],
    }


def _constraints(proposal: Proposal) -> list[dict[str, Any]]:
    return [
        {
            "stage": graph.nodes[edge.before].step.stage.index,
            "before": graph.nodes[edge.before].line,
            "after": graph.nodes[edge.after].line,
            "why": visible(edge.why),
            "unless_proved": not edge.trust,
        }
        for graph in proposal.held
        for edge in graph.edges
    ]


def _rounded(value: float) -> float:
    """To a millionth: what is left is noise of the machine's arithmetic."""
    return round(value, 6)


def _utf8(text: str) -> str:
    """Lone surrogates stand for bytes that are no UTF-8; JSON can't hold them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
