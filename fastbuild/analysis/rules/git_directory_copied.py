"""The repository's history is copied into the image.

## What it finds
A COPY of the whole context, while `.git` is part of the context.

## Why
Every commit, fetch and even `git status` changes files below `.git`. So the COPY misses on each commit,
although no source file changed, and the history with all that was ever deleted from it can be read in the
image.

## Example
```context
main.go 500
.git/HEAD 23
```
```dockerfile
FROM golang:1.24
COPY . /src
```
```context
main.go 500
```
```dockerfile
FROM golang:1.24
COPY . /src
```

## When this is wrong
When the build derives a version from git (setuptools_scm, `git describe`, Go's VCS stamp, …). Where the
rule sees that, or can't exclude it, there is no fix: mount `.git` into the one step that needs it (`RUN
--mount=type=bind,source=.git,target=.git`).

## Fix safety
Safe where no program of the file could ask git: a line `.git` is added to `.dockerignore`, the image loses
the history.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, ignoring
from fastbuild.analysis.brought import is_everything
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.numbers import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Context, Subject

CODE = "FB202"
LEVEL = Level.WARNING

_DERIVES = re.compile(
    rb"setuptools.scm|versioneer|hatch-vcs|\bpbr\b|vcs-versioning|poetry-dynamic-versioning|dunamai|vergen|git2"
    rb"|git describe|git rev-parse|git log|GitVersion|jgitver|git-commit-id|nebula\.release|lerna"
    rb"|semantic-release|axion"
)
_CONFIGURATION = frozenset(
    {
        *(
            "pyproject.toml",
            "setup.py",
            "setup.cfg",
            "package.json",
            "Cargo.toml",
            "build.rs",
            "pom.xml",
            "Makefile",
        ),
        *(
            "build.gradle",
            "build.gradle.kts",
            "lerna.json",
            "CMakeLists.txt",
            "meson.build",
            "Rakefile",
            "justfile",
        ),
    }
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding, at the first COPY of everything."""
    context = subject.context
    step = next((step for step in subject.steps() if is_everything(step)), None)
    if context is None or step is None:
        return
    inside = [file for path, file in context.files().items() if path == ".git" or path.startswith(".git/")]
    if not inside:
        return
    size = sum(file.size for file in inside)
    derived = _derived(subject, context)
    if derived:
        hint = f"{derived} may read it: mount .git into that step only, then leave it out in .dockerignore"
    else:
        hint = "add .git to .dockerignore"
    yield about(
        step,
        CODE,
        Level.INFO if derived else LEVEL,
        f".git ({size_text(size)}) is copied, so every commit changes this COPY",
        hint=hint,
        cost=Cost(size=size),
        fix=None if derived else ignoring(context, (".git",), "add .git to the ignore file"),
    )


def _derived(subject: Subject, context: Context) -> str:
    """What may ask git for a version, as the Dockerfile and the usual files tell; empty for nothing."""
    for path in context.files():
        name = path.rpartition("/")[2]
        if path.startswith(".git/") or "node_modules/" in path:
            continue
        if (name in _CONFIGURATION or name.endswith(".sh")) and _DERIVES.search(context.read(path) or b""):
            return path
    for step in subject.steps():
        if ".git" in step.instruction.text and step.keyword != "ADD":
            return f"line {step.instruction.start}"
        for action in actions(step):
            stamped = action.tool == "go" and "-buildvcs=false" not in action.args
            known = action.kind is not Kind.OTHER and action.tool != "git"
            if not known or (action.kind is Kind.BUILD and (action.tool != "go" or stamped)):
                return f"line {step.instruction.start}"
    return ""
