"""Findings as workflow commands, which GitHub shows at the lines of a pull request.

Format: https://docs.github.com/actions/reference/workflow-commands-for-github-actions; escapes as in
actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level
from fastbuild.reports.findings import words
from fastbuild.reports.findings.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.run import FileReport

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(reports: Sequence[FileReport]) -> str:
    """One command per finding, and a line of totals."""
    commands = [_command(report, finding) for report in reports for finding in report.findings]
    return "\n".join([*commands, words.totals(reports)]) + "\n"


def _command(report: FileReport, finding: Finding) -> str:
    properties = {"file": visible(report.path)}
    if finding.start:
        properties |= {"line": str(finding.start), "endLine": str(max(finding.end, finding.start))}
    properties["title"] = finding.code
    given = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    lines = [finding.message, words.sentence(finding.hint)]
    if finding.cost and (said := words.cost(finding.cost)):
        lines.append(f"Cost: {said}")
    message = "\n".join(visible(line) for line in lines if line)
    return f"::{_COMMANDS[finding.level]} {given}::{message.translate(_DATA)}"
