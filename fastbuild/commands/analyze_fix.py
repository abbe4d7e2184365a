"""`fastbuild analyze --fix` and `--diff`: texts changed in memory, written when nothing is in doubt."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.analysis.fixes import Mended, Texts
from fastbuild.analysis.fixes import mend as mend_texts
from fastbuild.analysis.inputs import shown
from fastbuild.dockerfile.parse import decode, encode
from fastbuild.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.inputs import Target
    from fastbuild.analysis.run import FileReport
    from fastbuild.commands.analyze_session import Session

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def mend(session: Session, *, unsafe: bool, write: bool) -> tuple[tuple[FileReport, ...], str]:
    """Mend every target; returns the reports and a unified diff of all changes.

    With `write` the files are written and the reports show what is left; else they show what was found.
    """
    reports: dict[str, FileReport] = {}
    diffs: list[str] = []
    for given in session.targets:
        target = _fresh(given)
        report = session.report(target, decode(target.raw))
        if target.file is None and any(finding.fix for finding in report.findings) and write:
            session.problems.append(f"{target.path}: it is no file, so nothing is written")
        if report.is_broken or (target.file is None and write):
            reports.setdefault(target.path, report)
            continue
        mended = _mended(session, target, report, unsafe=unsafe)
        diffs += _diffs(target, mended)
        if write and mended.applied and _write(session, target, mended):
            count = len(mended.applied)
            session.problems.append(f"{count} finding{'s' if count > 1 else ''} mended in {target.path}")
            target = replace(target, raw=encode(mended.texts.dockerfile))
            report = session.report(target, mended.texts.dockerfile)
        reports.setdefault(target.path, report)
    return tuple(reports.values()), "".join(diffs)


def _fresh(target: Target) -> Target:
    """The target as it is by now: an earlier one may be the same file."""
    try:
        return target if target.file is None else replace(target, raw=target.file.read_bytes())
    except OSError:
        return target


def _mended(session: Session, target: Target, report: FileReport, *, unsafe: bool) -> Mended:
    def again(texts: Texts) -> tuple[Finding, ...] | None:
        return session.again(target, texts)

    def load(name: str) -> str | None:
        path = _ignore_file(target, name)
        if path is None:
            return None
        try:
            return decode(path.read_bytes()) if path.exists() else ""
        except OSError:
            return None

    return mend_texts(Texts(dockerfile=report.source), report.findings, again, unsafe=unsafe, load=load)


def _ignore_file(target: Target, name: str) -> Path | None:
    """Where an ignore file lies that a fix wants to edit; None for all else: nothing else may be written."""
    if target.context is None or not name.endswith(".dockerignore") or ".." in Path(name).parts:
        return None
    path = target.context / name
    return None if Path(name).is_absolute() or path.is_symlink() or path.is_dir() else path


def _diffs(target: Target, mended: Mended) -> Iterator[str]:
    yield _diff(target.path, decode(target.raw), mended.texts.dockerfile)
    for name, text in mended.texts.others.items():
        path = _ignore_file(target, name)
        if path is not None:
            yield _diff(shown(path), decode(path.read_bytes()) if path.exists() else "", text)


def _diff(path: str, before: str, after: str) -> str:
    """As `diff -u` writes it; empty when nothing changed."""
    rows = []
    for line in difflib.unified_diff(
        _LINE.findall(before), _LINE.findall(after), f"a/{path}" if before else "/dev/null", f"b/{path}"
    ):
        rows.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(rows)


def _write(session: Session, target: Target, mended: Mended) -> bool:
    """Write all changed files; False and a problem when one changed meanwhile or can't be written."""
    assert target.file is not None
    try:
        if target.file.read_bytes() != target.raw:
            session.problems.append(f"{target.path} changed meanwhile and was left alone")
            return False
        for name, text in mended.texts.others.items():
            path = _ignore_file(target, name)
            if path is not None:
                replace_file(path, encode(text))
        replace_file(target.file, encode(mended.texts.dockerfile))
    except OSError as error:
        session.problems.append(f"{target.path} was left alone: {error.strerror}")
        session.unread = True
        return False
    return True
