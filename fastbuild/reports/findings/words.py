"""What all formats say of findings in the same words: costs, fixes, totals, fingerprints."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level, Safety
from fastbuild.reports.words import plural, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.finding import Cost, Finding, Fix
    from fastbuild.analysis.run import FileReport


def sentence(text: str) -> str:
    """With a capital and a full stop, for formats that put sentences one after another."""
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def cost(value: Cost) -> str:
    """`42 s per build, 120 MB (measured)`; empty when nothing is known."""
    parts = []
    if value.seconds is not None:
        parts.append(f"{seconds(value.seconds)} per build")
    if value.size is not None:
        parts.append(size(value.size))
    kind = "measured" if value.measured else "estimated"
    return f"{', '.join(parts)} ({kind})" if parts else ""


def fix(value: Fix) -> str:
    """The fix's title and how to get it."""
    flags = "--fix" if value.safety is Safety.SAFE else "--fix --unsafe-fixes"
    return f"{value.title} ({flags})"


def totals(reports: Sequence[FileReport]) -> str:
    """`2 warnings, 1 info in 3 files`."""
    counts = Counter(finding.level for report in reports for finding in report.findings)
    files = plural(len(reports), "file")
    if not counts:
        return f"nothing found in {files}"
    names = {Level.ERROR: "error", Level.WARNING: "warning"}
    parts = [plural(counts[level], name) for level, name in names.items() if counts[level]]
    if counts[Level.INFO]:
        parts.append(f"{counts[Level.INFO]} info")
    return f"{', '.join(parts)} in {files}"


def fixable(reports: Sequence[FileReport]) -> tuple[int, int]:
    """How many findings have a safe fix, and how many an unsafe one."""
    fixes = [finding.fix for report in reports for finding in report.findings if finding.fix]
    safe = sum(1 for each in fixes if each.safety is Safety.SAFE)
    return safe, len(fixes) - safe


def fingerprints(report: FileReport) -> Iterator[tuple[Finding, str]]:
    """Each finding with a text that stays while its line stays, wherever that moves in the file.

    Made of path, code and the words of its lines; equal ones are told apart by their order.
    """
    import hashlib

    lines = report.source.split("\n")
    seen: Counter[str] = Counter()
    for finding in report.findings:
        about = " ".join(" ".join(lines[max(finding.start - 1, 0) : finding.end]).split())
        key = "\0".join((report.path, finding.code, about if finding.start else ""))
        seen[key] += 1
        text = f"{key}\0{seen[key]}".encode("utf-8", "surrogateescape")
        yield finding, hashlib.sha256(text).hexdigest()[:40]
