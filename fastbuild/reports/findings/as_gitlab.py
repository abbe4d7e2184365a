"""Findings as GitLab's code quality report.

Format: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.findings.words import fingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.run import FileReport

_SEVERITIES = {Level.ERROR: "critical", Level.WARNING: "minor", Level.INFO: "info"}


def render(reports: Sequence[FileReport]) -> str:
    """A JSON list with one entry per finding."""
    entries = [
        {
            "description": visible(finding.message),
            "check_name": finding.code,
            "fingerprint": mark,
            "severity": _SEVERITIES[finding.level],
            "location": {"path": visible(report.path), "lines": {"begin": max(finding.start, 1)}},
        }
        for report in reports
        for finding, mark in fingerprints(report)
    ]
    return json.dumps(entries, indent=2) + "\n"
