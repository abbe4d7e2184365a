"""Findings in the format that a command was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.run import FileReport


def render(reports: Sequence[FileReport], form: str, *, colour: bool = False) -> str:
    """The text of a report; `form` is what `--format` takes, and only its module is imported."""
    match form:
        case "json":
            from fastbuild.reports.findings import as_json

            return as_json.render(reports)
        case "sarif":
            from importlib.metadata import version

            from fastbuild.reports.findings import as_sarif

            return as_sarif.render(reports, version=version("fastbuild"))
        case "markdown":
            from fastbuild.reports.findings import as_markdown

            return as_markdown.render(reports)
        case "github":
            from fastbuild.reports.findings import as_github

            return as_github.render(reports)
        case "gitlab":
            from fastbuild.reports.findings import as_gitlab

            return as_gitlab.render(reports)
        case _:
            from fastbuild.reports.findings import as_text

            return as_text.render(reports, colour=colour)
