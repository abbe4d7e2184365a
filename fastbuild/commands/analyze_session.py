"""One `fastbuild analyze`: the targets, the rules, and what else is known of them."""

from __future__ import annotations

import os
import posixpath
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from fastbuild.analysis import syntax
from fastbuild.analysis.catalogue import RuleInfo, catalogue, spellings
from fastbuild.analysis.finding import Finding
from fastbuild.analysis.inputs import shown
from fastbuild.analysis.run import FileReport, analyse
from fastbuild.analysis.subject import Subject
from fastbuild.commands.analyze_shared import shared
from fastbuild.context.tree import Tree
from fastbuild.dockerfile.parse import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from fastbuild.analysis.fixes import Texts
    from fastbuild.analysis.inputs import Target
    from fastbuild.analysis.rule import Rule
    from fastbuild.commands.analyze_check import Checks
    from fastbuild.commands.analyze_history import Past
    from fastbuild.dockerfile.model import Dockerfile


@dataclass(kw_only=True)
class Session:
    """What one call looks at. Of all `rules`, the `shown` codes but the `hidden` ones are looked for.

    `problems` are sentences for the user, `crashes` such about rules that failed, by code; `unread` says
    that some file was not read.
    """

    targets: tuple[Target, ...]
    rules: tuple[Rule, ...]
    build_args: Mapping[str, str | None]
    today: date
    shown: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()
    checks: Checks | None = None
    past: Past | None = None
    problems: list[str] = field(default_factory=list)
    crashes: dict[str, str] = field(default_factory=dict)
    unread: bool = False

    def reports(self) -> tuple[FileReport, ...]:
        """Every target analysed; one report per path."""
        if self.checks is not None:  # the engine's answer is what takes time
            return _by_path(self._reports(self.targets))
        parts = shared(self.targets, self._part, self._prepare)
        self.problems = list(dict.fromkeys(chain(self.problems, *(problems for _, problems, _ in parts))))
        for _, _, crashes in parts:
            self.crashes = crashes | self.crashes
        return _by_path(chain.from_iterable(reports for reports, _, _ in parts))

    def _part(self, targets: Sequence[Target]) -> tuple[list[FileReport], list[str], dict[str, str]]:
        """The reports of some targets, and the problems and crashes that they added."""
        part = copy(self)
        part.problems, part.crashes = [], {}
        return part._reports(targets), part.problems, part.crashes

    def _prepare(self) -> None:
        """Have at hand what nearly every file needs."""
        from fastbuild.dockerfile import ignore, shell_tree

        _ = self.wanted, self.infos, self.known, ignore.Ignore
        with suppress(ImportError):  # the rules that need it will say so
            shell_tree.parser()

    def _reports(self, targets: Sequence[Target]) -> list[FileReport]:
        return [self.report(target, decode(target.raw)) for target in targets]

    def report(self, target: Target, source: str) -> FileReport:
        """The report of one target with this text."""
        blank = FileReport(path=target.path, source=source, rules=self.infos, context=_context(target))
        dockerfile = syntax.read(source, target.path)
        if isinstance(dockerfile, Finding):
            return replace(blank, findings=(dockerfile,))
        theirs, infos = self.checks.of(target) if self.checks else ((), {})
        tree = _tree(target, {})
        findings = self._analysed(target, dockerfile, tree, theirs, infos)
        if tree is not None and tree.problem:
            self.problems.append(f"{target.path}: the ignore file counts as empty: {tree.problem}")
        return replace(blank, findings=findings, rules={**self.infos, **infos} if infos else self.infos)

    def again(self, target: Target, texts: Texts) -> tuple[Finding, ...] | None:
        """Our rules' findings with changed texts; None if they don't parse. The engine is not asked."""
        dockerfile = syntax.read(texts.dockerfile, target.path)
        if isinstance(dockerfile, Finding):
            return None
        return self._analysed(target, dockerfile, _tree(target, texts.others), (), {})

    def _analysed(
        self,
        target: Target,
        dockerfile: Dockerfile,
        tree: Tree | None,
        theirs: Sequence[Finding],
        infos: Mapping[str, RuleInfo],
    ) -> tuple[Finding, ...]:
        subject = Subject(
            dockerfile=dockerfile,
            context=tree,
            build_args={**known_arguments(target.build_args), **self.build_args},
            measured=self.past.of(dockerfile) if self.past else {},
        )
        refused = syntax.refused(subject)
        if refused is not None:
            return (refused,)
        findings = analyse(
            subject,
            self.wanted,
            more=theirs,
            known={**self.known, **{code.lower(): code for code in infos}},
            ran=infos,
            today=self.today,
            on_crash=lambda rule, error: self._crashed(rule, error, target),
        )
        return tuple(finding for finding in findings if self._is_shown(finding.code))

    @cached_property
    def wanted(self) -> tuple[Rule, ...]:
        """The rules to run."""
        return tuple(rule for rule in self.rules if self._is_shown(rule.CODE))

    def _is_shown(self, code: str) -> bool:
        return code not in self.hidden and (self.shown is None or code in self.shown)

    def _crashed(self, rule: Rule, error: Exception, target: Target) -> None:
        """Once per rule; a finding that is missing must not fail a build."""
        self.crashes.setdefault(
            rule.CODE,
            f"the rule {rule.CODE} failed on {target.path} ({type(error).__name__}: {error}); its findings "
            "are missing. This is a mistake in fastbuild: please report it with that file",
        )

    @cached_property
    def infos(self) -> dict[str, RuleInfo]:
        """What is known of our codes."""
        return catalogue(self.rules)

    @cached_property
    def known(self) -> dict[str, str]:
        """All spellings of codes that an ignore may name."""
        from fastbuild.analysis.lint import CHECKS

        return {**{name.lower(): name for name in CHECKS}, **spellings(self.infos.values())}


def _context(target: Target) -> str:
    """The context as reports name it; mostly it is the Dockerfile's directory, whose name is at hand."""
    if target.context is None:
        return ""
    if target.file is not None and target.file.parent == target.context:
        return posixpath.dirname(target.path) or "."
    return shown(target.context)


def _tree(target: Target, texts: Mapping[str, str]) -> Tree | None:
    return None if target.context is None else Tree(target.context, target.file, texts)


def _by_path(reports: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """One report per path."""
    found: dict[str, FileReport] = {}
    for report in reports:
        other = found.get(report.path)
        found[report.path] = report if other is None else _joined(other, report)
    return tuple(found.values())


def _joined(one: FileReport, other: FileReport) -> FileReport:
    """The report of a file that is built with several sets of arguments."""
    new = tuple(finding for finding in other.findings if finding not in one.findings)
    findings = sorted((*one.findings, *new), key=lambda f: (f.start, f.end, -f.level, f.code))
    return replace(one, findings=tuple(findings))


def known_arguments(arguments: Iterable[tuple[str, str | None]]) -> dict[str, str | None]:
    """Those without a value take it from the environment; without one there, they are not given."""
    found = {name: os.environ.get(name) if value is None else value for name, value in arguments}
    return {name: value for name, value in found.items() if value is not None}
