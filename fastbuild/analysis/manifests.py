"""Whether an install really needs nothing but its manifests."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fastbuild.analysis.commands import Kind

if TYPE_CHECKING:
    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.subject import Context, Subject

_HARMLESS_WORDS = frozenset(
    {
        *(
            "echo",
            "printf",
            "set",
            "export",
            "true",
            ":",
            "mkdir",
            "cd",
            "umask",
            "ulimit",
            "[",
            "test",
            "sleep",
            "",
        ),
        *(
            "useradd",
            "adduser",
            "groupadd",
            "addgroup",
            "ldconfig",
            "update-ca-certificates",
            "locale-gen",
            "pwd",
        ),
        *(
            "unset",
            "local",
            "readonly",
            "exit",
            "return",
            "apt-mark",
            "id",
            "uname",
            "arch",
            "dpkg",
            "which",
            "command",
        ),
    }
)
_SYSTEM_PATH = re.compile(r"[\"']?/(etc|var|usr|tmp|root|lib|opt|run|sys|proc|dev|bin|sbin)(/|[\"']?$)|~")


def is_harmless(action: Action) -> bool:
    """Whether a command surely neither reads nor makes files of the project."""
    if action.kind in (Kind.REFRESH, Kind.UPGRADE, Kind.FETCH):
        return True
    if action.kind in (Kind.INSTALL, Kind.CLEAN):
        return not action.sources
    if action.kind is not Kind.PLAIN:
        return action.tool in ("corepack", "npm", "yarn", "pnpm", "pip") and action.has(
            "config", "enable", "--version"
        )
    if action.tool in _HARMLESS_WORDS:
        return True
    paths = [arg for arg in action.args if not arg.startswith(("-", "+"))]
    paths += [redirect.target.text for redirect in action.call.redirects if redirect.target]
    return all(_SYSTEM_PATH.match(path) or not _looks_like_path(path) for path in paths)


def _looks_like_path(word: str) -> bool:
    return "/" in word or "." in word or "*" in word or "$" in word


def needs_project(subject: Subject, action: Action) -> bool:
    """Whether the context shows that the install reads more than manifests, or that its manifest isn't there.

    Without a context this is unknown, and False.
    """
    context = subject.context
    if context is None or not action.manifests:
        return False
    found = [path for path in context.files() if _is_manifest(path, action)]
    if not found:
        return True
    if action.tool == "gradle" and any(path in context.files() for path in ("buildSrc", "build-logic")):
        return True
    return any(_refers_to_files(context, path, action) for path in found[:50])


def _is_manifest(path: str, action: Action) -> bool:
    name = path.rpartition("/")[2]
    if "node_modules/" in path or "vendor/" in path:
        return False
    return any(fnmatchcase(name, pattern.rpartition("/")[2]) for pattern in action.manifests)


_LOCAL_DEPENDENCY = (
    ("package.json", re.compile(r'"(file|link|portal):|:\s*"(file|link|portal):')),
    ("go.mod", re.compile(r"=>\s*\.{1,2}/")),
    ("Cargo.toml", re.compile(r"\bpath\s*=\s*[\"']")),
    ("pyproject.toml", re.compile(r"\bpath\s*=\s*[\"']|file://|\bworkspace\s*=\s*true")),
    ("composer.json", re.compile(r'"type"\s*:\s*"path"')),
    ("Gemfile", re.compile(r"\bpath:|\bgemspec\b|:path\s*=>")),
    ("*.txt", re.compile(r"^\s*(-e\s+\.|--editable[ =]\.|\.{1,2}(/|\s*$))", re.MULTILINE)),
)
_SCRIPTS = re.compile(r'"(preinstall|install|postinstall|prepare)"\s*:')


def _refers_to_files(context: Context, path: str, action: Action) -> bool:
    name = path.rpartition("/")[2]
    text = (context.read(path) or b"").decode("utf-8", "replace")
    if any(
        fnmatchcase(name, pattern) and expression.search(text) for pattern, expression in _LOCAL_DEPENDENCY
    ):
        return True
    return name == "package.json" and not action.has("--ignore-scripts") and bool(_SCRIPTS.search(text))
