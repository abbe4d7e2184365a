"""What `fastbuild check` found: for people, as JSON, and in the formats that findings have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.analysis.catalogue import RuleInfo
from fastbuild.analysis.finding import Level
from fastbuild.analysis.run import FileReport
from fastbuild.reports.findings import rendering
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.finding import Finding
    from fastbuild.explain.promised import Judgement

VERSION = 1
TITLES = {
    "contract-broken": ("A cache contract is broken", Level.ERROR),
    "contract-may-break": ("Only building can tell whether a cache contract is kept", Level.ERROR),
    "contract-obsolete": ("A cache contract speaks of what is no longer there", Level.ERROR),
    "build-would-fail": ("An instruction takes a file that is not there", Level.ERROR),
    "budget-exceeded": ("A change runs more again than its budget allows", Level.ERROR),
    "hit-rate-too-low": ("Too many steps of recorded builds were executed", Level.ERROR),
    "slower-than-median": ("A recorded build is slower than those before it", Level.ERROR),
    "keys-disagree": ("The engine did not do what the keys say", Level.WARNING),
}
RULES = {
    code: RuleInfo(code=code, name=code, title=title, level=level) for code, (title, level) in TITLES.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A change that was built for real: how many steps ran, and on how many of them the keys agree.

    `open` counts those of which only building can tell.
    """

    name: str
    change: str
    ran: tuple[str, ...]
    steps: int
    agree: int
    open: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is shown. `path` and `source` are the Dockerfile's; `others` findings about no promise.

    `graph` and `decided` are seconds: for the engine's answer, and for everything decided from it.
    """

    path: str
    source: str
    judgements: tuple[Judgement, ...]
    others: tuple[Finding, ...] = ()
    tried: tuple[Tried, ...] = ()
    notes: tuple[str, ...] = ()
    graph: float = 0.0
    decided: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether the gate is open."""
        bad = any(finding.level is Level.ERROR for finding in self.others)
        return not bad and all(judgement.passes for judgement in self.judgements)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, by line."""
        found = [finding for judgement in self.judgements for finding in judgement.findings]
        return tuple(sorted((*found, *self.others), key=lambda f: (f.start, f.end, -f.level, f.code)))


def render(report: Report, form: str, *, colour: bool = False) -> str:
    """The report in one of the command's formats."""
    if form == "json":
        return json.dumps(to_json(report), indent=2) + "\n"
    files = [FileReport(path=report.path, source=report.source, findings=report.findings, rules=RULES)]
    if form != "text":
        return rendering.render(files, form)
    found = rendering.render(files, form, colour=colour) + "\n" if report.findings else ""
    return found + "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Sequence[str]:
    kept = sum(judgement.passes for judgement in report.judgements)
    time = f"; decided in {report.decided * 1000:.0f} ms" if report.graph else ""
    asked = f" after the engine's graph ({report.graph:.1f} s)" if report.graph else ""
    return [
        *(visible(judgement.said) for judgement in report.judgements),
        *(_tried(each) for each in report.tried),
        *(visible(note) for note in report.notes),
        f"{kept} of {plural(len(report.judgements), 'promise')} kept{time}{asked}",
    ]


def _tried(tried: Tried) -> str:
    said = (
        f'real: contract "{tried.name}": after {tried.change} {plural(len(tried.ran), "step")} ran; the keys '
        f"agree on {tried.agree} of {tried.steps}"
    )
    said += f", {tried.open} only building could tell" if tried.open else ""
    return visible(said + (f"; {tried.note}" if tried.note else ""))


def to_json(report: Report) -> dict[str, Any]:
    """The documented form; see docs/reference/check.md."""
    return {
        "version": VERSION,
        "passes": report.passes,
        "path": visible(report.path),
        "promises": [_judgement(each) for each in report.judgements],
        "others": [_finding(each) for each in report.others],
        "real": [
            {
                "contract": each.name,
                "change": each.change,
                "ran": list(each.ran),
                "steps": each.steps,
                "agree": each.agree,
                "open": each.open,
                "note": each.note,
            }
            for each in report.tried
        ],
        "notes": list(report.notes),
        "graph_seconds": round(report.graph, 6),
        "decided_seconds": round(report.decided, 6),
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "kind": judgement.kind,
        "name": judgement.name,
        "status": str(judgement.status),
        "said": judgement.said,
        "example": judgement.example,
        "findings": [_finding(each) for each in judgement.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "level": finding.level.label,
        "message": visible(finding.message),
        "hint": visible(finding.hint),
        "start": finding.start,
        "end": finding.end,
        "seconds": finding.cost.seconds if finding.cost else None,
    }
