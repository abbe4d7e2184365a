"""What is known of each code that a finding can have: our rules' and the framework's own."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Level
from fastbuild.analysis.rule import manual, plain_name, title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.analysis.rule import Rule

SYNTAX = "FB001"
NO_REASON = "FB002"
EXPIRED = "FB003"
UNUSED = "FB004"
UNREADABLE = "FB005"
MISSING_ARGUMENT = "FB006"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInfo:
    """One code for people: `name` in plain words with hyphens, `manual` as Markdown, `url` empty for ours."""

    code: str
    name: str
    title: str
    level: Level
    manual: str = ""
    url: str = ""


_OWN = (
    (SYNTAX, "syntax-error", "BuildKit would refuse this Dockerfile", Level.ERROR),
    (NO_REASON, "ignore-without-reason", "An inline ignore gives no reason", Level.INFO),
    (EXPIRED, "ignore-expired", "An inline ignore is past its date and no longer applies", Level.WARNING),
    (UNUSED, "ignore-unused", "An inline ignore matches no finding", Level.INFO),
    (UNREADABLE, "ignore-unreadable", "An inline ignore can't be understood", Level.WARNING),
    (MISSING_ARGUMENT, "missing-build-argument", "Without a build argument nothing can be said", Level.INFO),
)
OWN: Mapping[str, RuleInfo] = MappingProxyType(
    {row[0]: RuleInfo(code=row[0], name=row[1], title=row[2], level=row[3]) for row in _OWN}
)
"""The framework's codes, which no rule module has."""


def catalogue(rules: Iterable[Rule]) -> dict[str, RuleInfo]:
    """What is known of `rules` and of the framework's codes, by code."""
    found = {
        rule.CODE: RuleInfo(
            code=rule.CODE,
            name=plain_name(rule),
            title=title(rule),
            level=rule.LEVEL,
            manual=manual(rule),
        )
        for rule in rules
    }
    return {**OWN, **found}


def spellings(infos: Iterable[RuleInfo]) -> dict[str, str]:
    """Every way to write a code, in lower case → the code: the code itself and the rule's name."""
    return {spelling.lower(): info.code for info in infos for spelling in (info.code, info.name)}


def suggestion(unknown: str, known: Iterable[str]) -> str:
    """`did you mean FB101?`, or empty when nothing is close."""
    import difflib

    close = difflib.get_close_matches(unknown.lower(), list(known), n=1)
    return f"did you mean {close[0].upper() if close[0].startswith('fb') else close[0]}?" if close else ""
