"""The judgements of one promise on several platforms, as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level
from fastbuild.explain.promised import BROKEN, MAY_BREAK, OBSOLETE, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.analysis.finding import Finding
    from fastbuild.explain.promised import Judgement

_WORST = ((BROKEN, Status.BROKEN), (OBSOLETE, Status.OBSOLETE), (MAY_BREAK, Status.MAYBE))


def joined(judged: Mapping[str, Judgement]) -> Judgement:
    """A contract's judgement from those of each platform: it is kept where all of them keep it.

    What is not there on one platform alone does not make it obsolete.
    """
    each = list(judged.values())
    if len(each) == 1:
        return each[0]
    findings = joined_findings({platform: one.findings for platform, one in judged.items()})
    findings = [f for f in findings if f.code != OBSOLETE or all(f in one.findings for one in each)]
    codes = {finding.code for finding in findings if finding.level is not Level.INFO}
    unknown = any(one.status is Status.UNKNOWN for one in each)
    status = next((it for code, it in _WORST if code in codes), Status.UNKNOWN if unknown else Status.KEPT)
    like = next((one for one in each if one.status is status), each[0])
    return replace(
        like,
        status=status,
        said=like.said.replace(f": {like.status} ", f": {status} ", 1),
        findings=tuple(findings),
        example=next((one.example for one in (like, *each) if one.example), ""),
    )


def joined_findings(found: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """Each finding once; one that not every platform has names those that do."""
    platforms: list[tuple[Finding, list[str]]] = []
    for platform, findings in found.items():
        for finding in findings:
            known = next((names for one, names in platforms if one == finding), None)
            if known is None:
                platforms.append((finding, [platform]))
            elif platform not in known:
                known.append(platform)
    return [
        finding
        if len(names) == len(found)
        else replace(finding, message=f"{', '.join(names)}: {finding.message}")
        for finding, names in platforms
    ]
