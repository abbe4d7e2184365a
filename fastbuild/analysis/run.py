"""Rules over one Dockerfile: run, ignore, sort."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from fastbuild.analysis import ignores
from fastbuild.analysis.catalogue import SYNTAX, catalogue, spellings
from fastbuild.analysis.lint import without_doubles
from fastbuild.analysis.syntax import expansion_refused
from fastbuild.errors import DockerfileSyntax

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastbuild.analysis.catalogue import RuleInfo
    from fastbuild.analysis.finding import Finding, Level
    from fastbuild.analysis.rule import Rule
    from fastbuild.analysis.subject import Subject

    OnCrash = Callable[[Rule, Exception], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was found in one file: all that a report format needs.

    `path` and `context` (empty: none) are as shown to people, with slashes; `source` is the text; `rules`
    what is known of the codes.
    """

    path: str
    source: str
    findings: tuple[Finding, ...] = ()
    rules: Mapping[str, RuleInfo] = field(default_factory=dict)
    context: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether BuildKit would refuse the file."""
        return any(finding.code == SYNTAX for finding in self.findings)

    @property
    def worst(self) -> Level | None:
        """The highest level among the findings; None without any."""
        return max((finding.level for finding in self.findings), default=None)


def analyse(
    subject: Subject,
    rules: Sequence[Rule],
    *,
    more: Iterable[Finding] = (),
    known: Mapping[str, str] | None = None,
    ran: Iterable[str] = (),
    today: date = date.min,
    on_crash: OnCrash | None = None,
) -> tuple[Finding, ...]:
    """The findings of `rules` and `more` ones (BuildKit's), without those ignored in the file, by line.

    `known` maps the spellings of all codes that an ignore may name (default: those of `rules`); `ran`
    are codes besides the rules' own that were looked for. Ignores that end before `today` don't apply.
    A rule that raises goes to `on_crash`, and the others go on; without it the exception is raised. An
    expansion that BuildKit would refuse is no failure of the rule that met it: it becomes a finding.
    """
    found: list[Finding] = []
    looked_for = {SYNTAX, *ran}
    for rule in rules:
        try:
            found += list(rule.check(subject))
            looked_for.add(rule.CODE)
        except DockerfileSyntax as error:
            found.append(expansion_refused(subject, error))
        except Exception as error:
            if on_crash is None:
                raise
            on_crash(rule, error)
    found += without_doubles(tuple(more), found)
    if known is None:
        known = spellings(catalogue(rules).values())
    comments = ignores.read(subject.dockerfile)
    if comments:
        found = ignores.apply(found, comments, today=today, known=known, ran=looked_for)
    return tuple(sorted(set(found), key=_place))


def _place(finding: Finding) -> tuple[int, int, int, str, str]:
    return finding.start, finding.end, -finding.level, finding.code, finding.message
