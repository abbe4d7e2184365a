"""Copied files are stored twice because their owner or mode is changed.

## What it finds
`chown -R` or `chmod -R` in a RUN of its own on a path that a COPY or ADD of a shipped stage brought.

## Why
A layer stores whole files. Changing the owner or mode of a file stores it once more, with all its bytes:
the image grows by the size of everything below that path. `COPY --chown` and `--chmod` set both while
copying.

## Example
```dockerfile
FROM node:22-slim
COPY . /app
RUN chown -R node:node /app
```
```dockerfile
FROM node:22-slim
COPY --chown=node:node . /app
```

## When this is wrong
When most of what lies at the path was made by the same RUN, or has that owner or mode already: only files
that really change are stored again.

## Fix safety
No fix: files that other steps made there keep their owner then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import covers
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.estimates import size_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB602"
LEVEL = Level.WARNING


_NO_CHANGE = (re.compile(r"(root|0)?(:(root|0)?)?"), re.compile(r"[ugoa]*\+[rX]+(,[ugoa]*\+[rX]+)*"))
"""Owners and modes that copied files have already: BuildKit stores no file that stays what it was."""


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such RUN of the shipped stages."""
    if subject.final is None:
        return
    brought: list[Step] = []
    for step in chain(subject, subject.final):
        if step.keyword in ("COPY", "ADD"):
            brought.append(step)
        elif step.keyword == "RUN" and brought and " -" in step.instruction.text:
            found = _changed(step, brought)
            if found:
                name, copy = found
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"`{name} -R` stores what line {copy.instruction.start} copied a second time",
                    hint=_hint(name, copy),
                    cost=size_cost(subject, step),
                )


def _hint(name: str, copy: Step) -> str:
    if name == "chmod":
        return f"use COPY --chmod on line {copy.instruction.start}"
    return f"use COPY --chown on line {copy.instruction.start}, below the step that adds the user"


def _changed(step: Step, brought: list[Step]) -> tuple[str, Step] | None:
    if "chown" not in step.instruction.text and "chmod" not in step.instruction.text:
        return None
    found = actions(step)
    if any(action.kind is not Kind.PLAIN for action in found):
        return None
    for action in found:
        if action.tool not in ("chown", "chmod", "chgrp") or not any(
            _is_recursive(arg) for arg in action.args
        ):
            continue
        owner, *targets = [arg for arg in action.args if not arg.startswith("-")] or [""]
        if _NO_CHANGE[action.tool == "chmod"].fullmatch(owner):
            continue
        paths = [step.absolute(target) for target in targets if "$" not in target]
        for copy in brought:
            if copy.destination and any(path and covers(path, copy.destination) for path in paths):
                return action.tool, copy
    return None


def _is_recursive(word: str) -> bool:
    return word == "--recursive" or (word.startswith("-") and not word.startswith("--") and "R" in word)
