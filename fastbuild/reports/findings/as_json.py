"""Findings as JSON; docs/reference/analyze.md documents every field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.analysis.finding import Level
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.findings.words import fingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.finding import Finding, Fix
    from fastbuild.analysis.run import FileReport

VERSION = 1


def render(reports: Sequence[FileReport]) -> str:
    """`{"version": 1, "files": [{"path", "context", "findings": […]}], "totals": {…}}`, in ASCII."""
    levels = [finding.level for report in reports for finding in report.findings]
    answer = {
        "version": VERSION,
        "files": [_file(report) for report in reports],
        "totals": {level.label: levels.count(level) for level in reversed(Level)},
    }
    return json.dumps(answer, indent=2) + "\n"


def _file(report: FileReport) -> dict[str, Any]:
    findings = [_finding(report, finding, mark) for finding, mark in fingerprints(report)]
    return {"path": visible(report.path), "context": visible(report.context), "findings": findings}


def _finding(report: FileReport, finding: Finding, mark: str) -> dict[str, Any]:
    info = report.rules.get(finding.code)
    cost = finding.cost
    return {
        "code": finding.code,
        "rule": info.name if info else "",
        "level": finding.level.label,
        "message": visible(finding.message),
        "hint": visible(finding.hint),
        "start": finding.start,
        "end": finding.end,
        "cost": cost and {"seconds": cost.seconds, "bytes": cost.size, "measured": cost.measured},
        "fix": _fix(finding.fix) if finding.fix else None,
        "url": info.url if info else "",
        "fingerprint": mark,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"file": e.file, "start": e.start, "end": e.end, "text": _utf8(e.text)} for e in fix.edits]
    return {"title": visible(fix.title), "safety": fix.safety.value, "edits": edits}


def _utf8(text: str) -> str:
    """Lone surrogates stand for bytes that are no UTF-8; JSON can't hold them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
