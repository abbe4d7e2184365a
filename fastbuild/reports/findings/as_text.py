"""Findings for a terminal, each with its lines of the Dockerfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level
from fastbuild.reports.findings import words
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.words import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.run import FileReport

WIDEST = 160
"""Characters of a source line that are shown."""
MOST_LINES = 8
"""Lines of a finding that are shown; the middle of longer ones is left out."""
_COLOURS = {Level.ERROR: "31", Level.WARNING: "33", Level.INFO: "36"}


def render(reports: Sequence[FileReport], *, colour: bool = False) -> str:
    """Every finding, then one line of totals."""
    blocks: list[str] = []
    for report in reports:
        lines = report.source.split("\n")
        blocks += ["\n".join(_block(report, lines, finding, colour)) for finding in report.findings]
    return "\n\n".join([*blocks, _closing(reports)]) + "\n"


def _closing(reports: Sequence[FileReport]) -> str:
    said = [words.totals(reports)]
    safe, unsafe = words.fixable(reports)
    if safe:
        said.append(f"{safe} can be mended with --fix")
    if unsafe:
        said.append(f"{unsafe} with --fix --unsafe-fixes, to be looked at")
    codes = [f.code for r in reports for f in r.findings if f.code in r.rules and r.rules[f.code].manual]
    if codes:
        said.append(f"more on each: fastbuild analyze --explain {codes[0]}")
    return "; ".join(said)


def _block(report: FileReport, lines: Sequence[str], finding: Finding, colour: bool) -> Iterator[str]:
    path = visible(report.path)
    place = f"./{path}" if path.startswith(":") else path  # a line must not begin with a CI command
    if finding.start:
        place += f":{finding.start}"
    level = _painted(finding.level.label, f"1;{_COLOURS[finding.level]}", colour)
    yield f"{_painted(place, '1', colour)}: {level}: {visible(finding.message)} [{finding.code}]"
    yield from _frame(lines, finding, colour)
    if finding.cost and (said := words.cost(finding.cost)):
        yield f"  cost: {said}"
    if finding.hint:
        yield f"  hint: {visible(finding.hint)}"
    if finding.fix:
        yield f"  fix: {visible(words.fix(finding.fix))}"
    if finding.code in report.rules and (url := report.rules[finding.code].url):
        yield f"  see: {visible(url)}"


def _frame(lines: Sequence[str], finding: Finding, colour: bool) -> Iterator[str]:
    """The finding's lines between one before and one after."""
    if not 1 <= finding.start <= len(lines):
        return
    first, last = max(finding.start - 1, 1), min(finding.end + 1, len(lines))
    if last == len(lines) and not lines[-1].strip() and last > finding.end:
        last -= 1
    digits = len(str(last))
    for number in range(first, last + 1):
        if number == finding.start + MOST_LINES // 2 and finding.end - finding.start >= MOST_LINES:
            yield f"  {' ' * digits} | …"
        if _left_out(number, finding):
            continue
        marked = finding.start <= number <= finding.end
        text = cut(visible(lines[number - 1].rstrip("\r")), WIDEST).rstrip()
        row = f"{'>' if marked else ' '} {number:>{digits}} | {text}".rstrip()
        yield _painted(row, _COLOURS[finding.level], colour and marked)


def _left_out(number: int, finding: Finding) -> bool:
    half = MOST_LINES // 2
    too_long = finding.end - finding.start >= MOST_LINES
    return too_long and finding.start + half <= number <= finding.end - half


def _painted(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if colour else text
