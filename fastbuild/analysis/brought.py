"""What COPY and ADD bring from the build context: all of it, source code, or single files."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Subject
    from fastbuild.context.tree import ContextFile

_CODE = re.compile(
    r"\.(py|pyx|go|rs|java|kt|scala|rb|php|cs|fs|c|cc|cpp|h|hpp|m|swift|js|mjs|cjs|jsx|ts|tsx|vue|svelte|html|css"
    r"|scss|ex|exs|erl|hs|ml|clj|lua|pl|r|jl|dart|zig|proto|sql|ipynb)$",
    re.IGNORECASE,
)
_CODE_DIRECTORIES = frozenset(
    {
        *("src", "app", "apps", "lib", "libs", "cmd", "pkg", "internal", "source", "sources", "code"),
        *("backend", "frontend", "server", "client", "web", "webapp", "api", "service", "services", "www"),
        *("site", "ui", "public"),
    }
)
_MANIFESTS = re.compile(
    r"setup\.py$|.*\.config\.[cm]?[jt]s$|\.?pnp\.c?js$|gulpfile\.js$|build\.rs$|conanfile\.py$|build\.gradle\.kts$"
)
"""Code files that are read by package managers and build tools, not by the application."""
REMOTE = re.compile(r"(https?|ftp|git|ssh)://|git@|github\.com/")
ALL = frozenset({".", "/", "", "*"})


def from_context(step: Step) -> bool:
    """Whether this is a COPY or ADD of files of the build context."""
    if step.keyword not in ("COPY", "ADD") or step.instruction.flag("from") is not None:
        return False
    return any(not REMOTE.match(source) for source in step.sources)


def normal(source: str) -> str:
    """A source as a relative path without slashes at its ends; empty for the whole context.

    A source that is empty itself comes from a variable without a value: what it brings is unknown.
    """
    path = posixpath.normpath("/" + source).lstrip("/")
    return "" if path in ALL else path


def is_everything(step: Step) -> bool:
    """Whether this brings the whole context."""
    return from_context(step) and any(source and normal(source) == "" for source in step.sources)


def brings_code(subject: Subject, step: Step) -> bool:
    """Whether this brings the context, or a directory of it that holds source code.

    Without a context, a directory is known by its name only: `src` holds code, `config` may not.
    """
    return from_context(step) and any(_holds_code(subject, step, source) for source in step.sources)


def _holds_code(subject: Subject, step: Step, source: str) -> bool:
    path = normal(source)
    if not source or REMOTE.match(source) or step.instruction.flag("parents") is not None:
        return False
    if subject.context is None:
        parts = path.split("/")
        whole = path == "" or parts[-1].lower() in _CODE_DIRECTORIES
        return whole or (parts[-1] == "*" and parts[0].lower() in _CODE_DIRECTORIES)
    entry = subject.context.files().get(path)
    if path and not _is_pattern(path) and (entry is None or entry.kind != "directory"):
        return False
    return any(is_code(file.path) for file in copied(subject, step, source))


def is_code(path: str) -> bool:
    """Whether a path looks like source code of the application."""
    name = path.rpartition("/")[2]
    return bool(_CODE.search(name)) and not _MANIFESTS.match(name)


def _is_pattern(path: str) -> bool:
    return any(character in path for character in "*?[")


def copied(subject: Subject, step: Step, only: str | None = None) -> Iterator[ContextFile]:
    """The context's entries that `step` brings; nothing without a context. `only` limits it to one source."""
    if subject.context is None or not from_context(step):
        return
    wanted = [
        normal(each)
        for each in (step.sources if only is None else (only,))
        if each and not REMOTE.match(each)
    ]
    for path, file in subject.context.files().items():
        if any(_covers(source, path) for source in wanted):
            yield file


def _covers(source: str, path: str) -> bool:
    """Whether copying `source` brings `path`; `*` stops at slashes, `**` doesn't."""
    if not source or covers(source, path):
        return True
    if not _is_pattern(source):
        return False
    if "**" in source:
        return fnmatchcase(path, source.replace("**/", "*").replace("**", "*"))
    depth = source.count("/") + 1
    head = "/".join(path.split("/")[:depth])
    return head.count("/") + 1 == depth and all(
        fnmatchcase(part, pattern) for part, pattern in zip(head.split("/"), source.split("/"), strict=True)
    )
