"""`# fastbuild ignore=FB101,FB102 reason="…" expires=2026-12-31`: findings to live with.

The comment stands above an instruction (or between its lines) and applies to it; with `global` before
`ignore`, above the first FROM, it applies to the whole file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fastbuild.analysis.catalogue import EXPIRED, NO_REASON, OWN, UNREADABLE, UNUSED, suggestion
from fastbuild.analysis.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from fastbuild.dockerfile.model import Dockerfile, Instruction

_COMMENT = re.compile(r"\s*#\s*fastbuild\s+(?P<scope>\w+\s+)?ignore\s*=\s*(?P<rest>.*?)\s*$")
_CODES = re.compile(r"[\w-]+(?:\s*,\s*[\w-]+)*")
_OPTION = re.compile(r"""\s+(\w+)\s*=\s*("[^"]*"|'[^']*'|[^\s"']+)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One comment. It covers the lines `start` to `end`; both are 0 for the whole file.

    `codes` are as written; `problem` says what can't be understood, and then nothing applies.
    """

    line: int
    start: int
    end: int
    codes: tuple[str, ...] = ()
    reason: str = ""
    expires: date | None = None
    problem: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether the finding begins where this applies."""
        return self.end == 0 or self.start <= finding.start <= self.end


def read(dockerfile: Dockerfile) -> tuple[Ignore, ...]:
    """Every ignore comment, in file order."""
    if "fastbuild" not in dockerfile.source:
        return ()
    return tuple(_read(dockerfile))


def _read(dockerfile: Dockerfile) -> Iterator[Ignore]:
    line, begun = 1, False
    waiting: list[tuple[int, re.Match[str]]] = []
    for piece in dockerfile.pieces:
        above = piece if isinstance(piece, str) else piece.comment
        waiting += _matches(above, line)
        line += above.count("\n")
        if isinstance(piece, str):
            continue
        if not piece.heredocs:  # a body's lines are no comments
            waiting += _matches(piece.source, line)
        yield from (_ignore(match, at, piece, begun) for at, match in waiting)
        waiting.clear()
        line += piece.source.count("\n")
        begun = begun or piece.keyword == "FROM"
    yield from (_ignore(match, at, None, begun) for at, match in waiting)


def _matches(text: str, first: int) -> list[tuple[int, re.Match[str]]]:
    lines = enumerate(text.split("\n"), first) if "fastbuild" in text else ()
    return [(at, match) for at, line in lines if (match := _COMMENT.match(line))]


def _ignore(match: re.Match[str], line: int, instruction: Instruction | None, begun: bool) -> Ignore:
    scope = (match["scope"] or "").strip()
    start, end = (instruction.start, instruction.end) if instruction and not scope else (0, 0)
    codes, reason, expires, problem = _parse(match["rest"])
    if scope not in ("", "global"):
        problem = f"{scope!r} is no scope: leave it out, or write `global`"
    elif scope and begun:
        problem = "a global ignore must stand above the first FROM"
    elif not scope and instruction is None:
        problem = "no instruction follows it"
    return Ignore(
        line=line, start=start, end=end, codes=codes, reason=reason, expires=expires, problem=problem
    )


def _parse(rest: str) -> tuple[tuple[str, ...], str, date | None, str]:
    codes = _CODES.match(rest)
    if codes is None:
        return (), "", None, "it names no code"
    options: dict[str, str] = {}
    at = codes.end()
    while option := _OPTION.match(rest, at):
        options[option[1].lower()] = option[2].strip("\"'").strip()
        at = option.end()
    names = tuple(name.strip() for name in codes[0].split(","))
    reason, expires = options.pop("reason", ""), options.pop("expires", "")
    if rest[at:].strip() or options:
        odd = rest[at:].strip() or next(iter(options))
        return (
            names,
            reason,
            None,
            f'after the codes come reason="…" and expires=YYYY-MM-DD, not {odd!r}',
        )
    try:
        return names, reason, date.fromisoformat(expires) if expires else None, ""
    except ValueError:
        return names, reason, None, f"{expires!r} is no date: write expires=YYYY-MM-DD"


def apply(
    findings: Iterable[Finding],
    ignores: Iterable[Ignore],
    *,
    today: date,
    known: Mapping[str, str],
    ran: Collection[str],
) -> list[Finding]:
    """The findings that are left, and those about the ignores themselves.

    `known` maps every spelling of a code, in lower case, to the code. `ran` are the codes that were
    really looked for: only of these an ignore can be called unused.
    """
    left = list(findings)
    said: list[Finding] = []
    for ignore in ignores:
        if ignore.problem:
            said.append(_about(UNREADABLE, ignore, f"this ignore is not in force: {ignore.problem}"))
            continue
        if ignore.expires is not None and ignore.expires < today:
            message = f"this ignore expired on {ignore.expires} and no longer applies"
            said.append(_about(EXPIRED, ignore, message, "mend the finding, or move the date"))
            continue
        for written in ignore.codes:
            code = known.get(written.lower())
            if code is None:
                hint = suggestion(written, known) or "see `fastbuild analyze --list-rules`"
                message = f"this ignore names a rule that does not exist: {written}"
                said.append(_about(UNREADABLE, ignore, message, hint))
                continue
            kept = [f for f in left if f.code != code or not ignore.covers(f)]
            if len(kept) == len(left) and code in ran:
                said.append(_about(UNUSED, ignore, f"{code} is ignored here, but not found", "delete it"))
            left = kept
        if not ignore.reason:
            message = "this ignore gives no reason"
            said.append(_about(NO_REASON, ignore, message, 'add reason="…" for those who come later'))
    return left + said


def _about(code: str, ignore: Ignore, message: str, hint: str = "") -> Finding:
    return Finding(
        code=code, level=OWN[code].level, message=message, start=ignore.line, end=ignore.line, hint=hint
    )
