"""Findings' edits → new texts: edits that don't overlap, each fix tried before it is taken.

A fix is taken only if the new text parses, the finding is gone, others of its code did not become more,
and there are no new errors. What remains is tried again in a next round, on the new text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level, Safety

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastbuild.analysis.finding import Edit, Finding

ROUNDS = 3
_NUMBER = re.compile(r"\d+")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A Dockerfile's text, and those files of its context that fixes want to edit (absent ones are empty)."""

    dockerfile: str
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """The texts after all rounds, the findings whose fixes are in them, and those that are left."""

    texts: Texts
    applied: tuple[Finding, ...]
    left: tuple[Finding, ...]


def mend(
    texts: Texts,
    findings: Sequence[Finding],
    again: Callable[[Texts], tuple[Finding, ...] | None],
    *,
    unsafe: bool,
    load: Callable[[str], str | None] = lambda _: None,
) -> Mended:
    """Apply what can be applied, in up to `ROUNDS` rounds; without `unsafe` only safe fixes.

    `again` analyses changed texts; None says that they don't parse. `load` gives the text of a file of
    the context that may be edited, or None. Writes nothing.
    """
    applied: list[Finding] = []
    for _ in range(ROUNDS):
        taken: list[Finding] = []
        left = tuple(findings)
        current = texts
        for finding in findings:
            if not _wanted(finding, unsafe) or _collides(finding, taken):
                continue
            trial = apply(texts, [*taken, finding], load)
            result = again(trial) if trial is not None and trial != current else None
            if trial is not None and result is not None and _is_better(left, result, finding):
                taken.append(finding)
                current, left = trial, result
        if not taken:
            break
        applied += taken
        texts, findings = current, left
    return Mended(texts=texts, applied=tuple(applied), left=tuple(findings))


def _wanted(finding: Finding, unsafe: bool) -> bool:
    return finding.fix is not None and (unsafe or finding.fix.safety is Safety.SAFE)


def _collides(finding: Finding, taken: Sequence[Finding]) -> bool:
    """Whether an edit touches lines of a fix already taken; two insertions at one place do, too."""
    own = finding.fix.edits if finding.fix else ()
    others = [edit for other in taken if other.fix for edit in other.fix.edits]
    return any(_overlap(edit, other) for edit in own for other in others)


def _overlap(one: Edit, two: Edit) -> bool:
    if one.file != two.file:
        return False
    if one.start == two.start:
        return True
    first, second = (one, two) if one.start < two.start else (two, one)
    return second.start <= first.end


def _is_better(before: Sequence[Finding], after: Sequence[Finding], mended: Finding) -> bool:
    def said(findings: Sequence[Finding]) -> list[str]:
        return [_NUMBER.sub("0", f.message) for f in findings if f.code == mended.code]

    message = _NUMBER.sub("0", mended.message)  # lines move
    gone = said(after).count(message) < said(before).count(message)
    errors = {f.code for f in after if f.level is Level.ERROR} - {f.code for f in before}
    return gone and len(said(after)) <= len(said(before)) and not errors


def apply(
    texts: Texts, findings: Sequence[Finding], load: Callable[[str], str | None] = lambda _: None
) -> Texts | None:
    """`texts` with the fixes of `findings`, which don't overlap; None if an edit does not fit its file."""
    edits: dict[str, list[Edit]] = {}
    for finding in findings:
        for edit in finding.fix.edits if finding.fix else ():
            edits.setdefault(edit.file, []).append(edit)
    others = dict(texts.others)
    dockerfile = texts.dockerfile
    for file, own in edits.items():
        source = dockerfile if not file else others.get(file, load(file))
        changed = None if source is None else edited(source, own)
        if changed is None:
            return None
        if file:
            others[file] = changed
        else:
            dockerfile = changed
    return Texts(dockerfile=dockerfile, others=others)


def edited(source: str, edits: Sequence[Edit]) -> str | None:
    """`source` with its lines replaced; None if an edit names lines that are not there, or two overlap.

    New lines end as those around them (CRLF or LF); a missing newline at the end stays missing.
    """
    lines: list[str] = _LINE.findall(source)
    whole = not source or source.endswith("\n")
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if not whole:
        lines[-1] += ending
    last = len(lines) + 1
    for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
        if not 1 <= edit.start <= edit.end + 1 <= min(last, len(lines) + 1):
            return None
        lines[edit.start - 1 : edit.end] = _new_lines(edit.text, ending)
        last = edit.start
    text = "".join(lines)
    return text if whole else text.removesuffix(ending)


def _new_lines(text: str, ending: str) -> list[str]:
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    return [line + ending for line in lines]
