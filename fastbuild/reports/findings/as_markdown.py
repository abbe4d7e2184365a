"""Findings as Markdown, for a pull request's comment or a CI job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.reports.findings import words
from fastbuild.reports.findings.safe import code, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.run import FileReport

MOST = 200
"""Rows: GitHub's comments hold 65,536 characters."""


def render(reports: Sequence[FileReport]) -> str:
    """A heading with the totals, and a table of the findings, the worst first."""
    lines = [f"### fastbuild analyze: {words.totals(reports)}"]
    rows = [(report, finding) for report in reports for finding in report.findings]
    rows.sort(key=lambda row: -row[1].level)
    if rows:
        lines += ["", "| level | where | finding | cost |", "|---|---|---|---|"]
        lines += [_row(report, finding) for report, finding in rows[:MOST]]
    if len(rows) > MOST:
        lines += ["", f"{len(rows) - MOST} more are not shown."]
    safe, unsafe = words.fixable(reports)
    if safe or unsafe:
        lines += ["", f"{safe} can be mended with `--fix`, {unsafe} more with `--fix --unsafe-fixes`."]
    return "\n".join(lines) + "\n"


def _row(report: FileReport, finding: Finding) -> str:
    place = f"{report.path}:{finding.start}" if finding.start else report.path
    cost = words.cost(finding.cost) if finding.cost else ""
    about = " ".join(_about(report, finding))
    return f"| {finding.level.label} | {code(place)} | {about} | {markdown(cost)} |"


def _about(report: FileReport, finding: Finding) -> Iterator[str]:
    info = report.rules.get(finding.code)
    if info and info.url.startswith("https://"):
        yield f"[**{markdown(finding.code)}**](<{info.url}>)"
    else:
        yield f"**{markdown(finding.code)}**"
    yield f"{markdown(finding.message)}."
    if finding.hint:
        yield markdown(words.sentence(finding.hint))
