"""Text → `Dockerfile`, or the finding that says why BuildKit would refuse it, and where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.catalogue import MISSING_ARGUMENT, OWN, SYNTAX
from fastbuild.analysis.facts import stage_facts
from fastbuild.analysis.finding import Finding
from fastbuild.dockerfile.model import Dockerfile
from fastbuild.dockerfile.parse import parse
from fastbuild.dockerfile.validate import validate
from fastbuild.errors import DockerfileSyntax

if TYPE_CHECKING:
    from fastbuild.analysis.subject import Subject

_GRAMMAR = re.compile(r": (?:unexpected|syntax error|unsupported|invalid|too many) ")
"""What an expansion fails of; all else is the user's own text of `${NAME:?text}`."""


def read(source: str, name: str = "Dockerfile") -> Dockerfile | Finding:
    """The parsed text, or the first thing that BuildKit would refuse. Never raises."""
    try:
        dockerfile = parse(source, name)
        validate(dockerfile)
    except DockerfileSyntax as error:
        line, message = _split(error.what, name)
        return _finding(SYNTAX, message, line, error.cause)
    return dockerfile


def refused(subject: Subject) -> Finding | None:
    """What BuildKit would refuse when it expands variables; None if nothing."""
    try:
        for stage in subject.stages:
            for step in stage.steps:
                if step.keyword not in ("ADD", "COPY", "WORKDIR"):
                    continue
                try:
                    _ = step.sources, step.destination
                except DockerfileSyntax as error:
                    return _expansion(error, step.instruction.start)
    except DockerfileSyntax as error:
        return _expansion(error, _first_refused(subject))
    return None


def expansion_refused(subject: Subject, error: DockerfileSyntax) -> Finding:
    """The finding for an expansion that failed later: in a flag, which no fact needs."""
    quoted = re.search(r'failed to process "(.*?)":', error.what)
    text = quoted[1] if quoted else ""
    holding = (each.start for each in subject.dockerfile.instructions if text and text in each.text)
    return _expansion(error, next(holding, 0))


def _first_refused(subject: Subject) -> int:
    """The line of the first instruction without which the facts can be told: longer texts fail alike."""
    pieces = subject.dockerfile.pieces
    low, high = 0, len(pieces) - 1
    while low < high:
        middle = (low + high) // 2
        begun = Dockerfile(pieces[: middle + 1])
        try:
            if any(each.keyword == "FROM" for each in begun.instructions):
                stage_facts(begun, subject.build_args)
            low = middle + 1
        except DockerfileSyntax:
            high = middle
    piece = pieces[low]
    return 0 if isinstance(piece, str) else piece.start


def _expansion(error: DockerfileSyntax, line: int) -> Finding:
    if _GRAMMAR.search(error.what):
        return _finding(SYNTAX, error.what, line, error.cause)
    return _finding(MISSING_ARGUMENT, error.what, line, "give the arguments of your build with --build-arg")


def _split(what: str, name: str) -> tuple[int, str]:
    """`Dockerfile:3: message` as line and message; 0 where there is no line."""
    found = re.match(rf"{re.escape(name)}(?::(\d+))?: ", what)
    return (int(found[1] or 0), what[found.end() :]) if found else (0, what)


def _finding(code: str, message: str, line: int, hint: str) -> Finding:
    level = OWN[code].level
    return Finding(code=code, level=level, message=message.rstrip("."), start=line, end=line, hint=hint)
