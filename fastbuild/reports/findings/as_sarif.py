"""Findings as SARIF, for GitHub code scanning, Azure DevOps, Visual Studio Code and others.

Format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; the numbers in comments are
its sections.
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastbuild.analysis.finding import Level
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.findings.words import fingerprints, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.analysis.catalogue import RuleInfo
    from fastbuild.analysis.finding import Edit, Finding
    from fastbuild.analysis.run import FileReport

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def render(reports: Sequence[FileReport], *, version: str = "") -> str:
    """One run with all rules that found something. `version` is fastbuild's."""
    infos = {code: info for report in reports for code, info in report.rules.items()}
    used = sorted({finding.code for report in reports for finding in report.findings})
    driver: dict[str, Any] = {"name": "fastbuild", "rules": [_rule(code, infos.get(code)) for code in used]}
    if version:
        driver["version"] = version
    results = [
        _result(report, finding, mark, used.index(finding.code))
        for report in reports
        for finding, mark in fingerprints(report)
    ]
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, info: RuleInfo | None) -> dict[str, Any]:
    if info is None:
        return {"id": code}
    rule: dict[str, Any] = {
        "id": code,
        "name": "".join(word.title() for word in info.name.split("-")),
        "shortDescription": {"text": info.title},
        "defaultConfiguration": {"level": _LEVELS[info.level]},
    }
    if info.manual:
        rule["help"] = {"text": info.manual, "markdown": info.manual}
    if info.url:
        rule["helpUri"] = info.url
    return rule


def _result(report: FileReport, finding: Finding, mark: str, index: int) -> dict[str, Any]:
    said = [visible(finding.message) + ".", visible(sentence(finding.hint))]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": " ".join(filter(None, said))},
        "locations": [{"physicalLocation": _place(report, finding)}],
        "partialFingerprints": {"fastbuildLine/v1": mark},
    }
    if finding.fix:
        result["fixes"] = [
            {
                "description": {"text": visible(finding.fix.title)},
                "artifactChanges": _changes(report, finding.fix.edits),
                "properties": {"safety": finding.fix.safety.value},
            }
        ]
    if finding.cost:
        cost = {"seconds": finding.cost.seconds, "bytes": finding.cost.size}
        known = {key: value for key, value in cost.items() if value is not None}
        result["properties"] = {"cost": {**known, "measured": finding.cost.measured}}
    return result


def _place(report: FileReport, finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(report.path)}}
    if finding.start:
        place["region"] = {"startLine": finding.start, "endLine": max(finding.end, finding.start)}
    return place


def _uri(path: str) -> str:
    """A relative path as a relative reference, an absolute one as a file URI (3.10.1)."""
    text = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{text}" if path.startswith("/") else text


def _changes(report: FileReport, edits: Sequence[Edit]) -> list[dict[str, Any]]:
    files: dict[str, list[dict[str, Any]]] = {}
    for edit in edits:
        source = report.source if not edit.file else None
        files.setdefault(edit.file, []).append(_replacement(edit, source))
    return [
        {"artifactLocation": {"uri": _uri(_edited(report, file))}, "replacements": replacements}
        for file, replacements in files.items()
    ]


def _edited(report: FileReport, file: str) -> str:
    """The path of the file that an edit is for."""
    return posixpath.normpath(posixpath.join(report.context, file)) if file else report.path


def _replacement(edit: Edit, source: str | None) -> dict[str, Any]:
    """Whole lines: from the first one's start to the start of the line after the last (3.57)."""
    text = edit.text if not edit.text or edit.text.endswith("\n") else edit.text + "\n"
    region: Mapping[str, int] = {
        "startLine": edit.start,
        "startColumn": 1,
        "endLine": edit.end + 1,
        "endColumn": 1,
    }
    lines = source.split("\n") if source is not None else []
    if source is not None and edit.end >= len(lines):  # no line comes after the last
        text = text.removesuffix("\n")
        units = len(lines[-1].encode("utf-16-le", "surrogatepass")) // 2
        region = {**region, "endLine": len(lines), "endColumn": units + 1}
        if edit.start > len(lines):
            region, text = {**region, "startLine": len(lines), "startColumn": units + 1}, "\n" + text
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {"deletedRegion": dict(region), "insertedContent": {"text": clean}}
