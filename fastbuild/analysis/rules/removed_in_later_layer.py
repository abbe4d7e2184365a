"""Files are deleted in a later layer than the one that holds them.

## What it finds
`rm` of what a COPY or ADD brought, or of apt's package lists that an earlier RUN fetched, in a shipped
stage.

## Why
A layer can only hide files of the layers below. The image stays as large as before, and what was to be
hidden can still be read.

## Example
```dockerfile
FROM debian:bookworm-slim
COPY data.tar.gz /tmp/data.tar.gz
RUN mkdir /data && tar xzf /tmp/data.tar.gz -C /data && rm /tmp/data.tar.gz
```
```dockerfile
FROM debian:bookworm-slim
ADD data.tar.gz /data/
```

## When this is wrong
When the file is deleted so that the program doesn't see it, not to save space. Scripts and settings are
taken for small and left alone.

## Fix safety
No fix: delete in the same RUN, use `RUN --mount=type=bind` to read files without copying them, or `ADD` to
unpack archives.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import cache_mounts, covers
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.estimates import size_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB603"
LEVEL = Level.WARNING

_SMALL = re.compile(
    r"\.(txt|sh|json|ya?ml|toml|lock|cfg|conf|ini|list|asc|gpg|key|pem|crt|py|xml|properties|md)$"
)
"""Files that are not worth a word."""
_LISTS = "/var/lib/apt/lists"


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that deletes too late."""
    if subject.final is None:
        return
    brought: dict[str, Step] = {}
    for step in chain(subject, subject.final):
        if step.keyword in ("COPY", "ADD"):
            brought |= dict.fromkeys(_arrivals(step), step)
        elif step.keyword == "RUN":
            yield from _late(subject, step, brought)
            if _fetches_lists(step) and not cache_mounts(step):
                brought[_LISTS] = step


def _fetches_lists(step: Step) -> bool:
    if "apt" not in step.instruction.text:
        return False
    return any(action.tool == "apt" and action.kind is Kind.REFRESH for action in actions(step))


def _arrivals(step: Step) -> Iterator[str]:
    """Where the sources arrive: a file at its own path, a directory or pattern somewhere in the target."""
    target = step.destination
    if target is None:
        return
    for source in step.sources:
        name = posixpath.basename(source.rstrip("/"))
        if step.keyword == "ADD" and re.search(r"\.(tar|tgz|txz)", name):
            continue
        is_file = "." in name.strip(".") and "*" not in name
        if is_file and not _SMALL.search(name):
            yield posixpath.join(target, name) if target.endswith("/") or len(step.sources) > 1 else target
        elif not is_file and target.rstrip("/").count("/") > 1:
            yield target.rstrip("/")


def _late(subject: Subject, step: Step, brought: dict[str, Step]) -> Iterator[Finding]:
    if not brought or not re.search(r"\brm\s", step.instruction.text):
        return
    found = actions(step)
    fetched = _fetches_lists(step)
    for action in found:
        if action.call.name != "rm" or action.call.conditional:
            continue
        for word in action.args:
            path = (
                step.absolute(word.removesuffix("/*"))
                if not word.startswith("-") and "$" not in word
                else None
            )
            hidden = next((each for each in brought if path and covers(path.rstrip("/") or "/", each)), None)
            if hidden is None or path == "/" or (hidden == _LISTS and fetched):
                continue
            what = "the package lists" if hidden == _LISTS else hidden
            line = brought[hidden].instruction.start
            yield about(
                step,
                CODE,
                LEVEL,
                f"{what} stay in the layer of line {line}"
                if hidden == _LISTS
                else f"{what} stays in the layer of line {line}",
                hint="delete it in the step that brings it, or mount it instead of copying it",
                cost=size_cost(subject, brought[hidden], 20_000_000 if hidden == _LISTS else None),
            )
            return
