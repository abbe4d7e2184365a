"""Recommended packages are installed, too.

## What it finds
`apt-get install` in a shipped stage without `--no-install-recommends`.

## Why
Debian and Ubuntu install "recommended" packages by default. Often they are more, and larger, than what was
asked for: longer downloads, a larger image, more to patch.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
```

## When this is wrong
When something relies on a recommended package, such as `ca-certificates` for git over HTTPS: name it.

## Fix safety
Unsafe: a recommended package may be needed. Build and test after it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, rewritten
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level, Safety
from fastbuild.analysis.reach import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding, Fix
    from fastbuild.analysis.subject import Subject

CODE = "FB304"
LEVEL = Level.INFO


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each shipped RUN that installs recommended packages."""
    if subject.final is None:
        return
    steps = tuple(chain(subject, subject.final))
    if any("Install-Recommends" in step.instruction.text for step in steps):
        return
    for step in steps:
        if step.keyword != "RUN" or "apt" not in step.instruction.text:
            continue
        for action in actions(step):
            install = action.tool == "apt" and action.kind is Kind.INSTALL and bool(action.names)
            if (
                install
                and not action.has("--no-install-recommends")
                and "recommends" not in step.instruction.text.lower()
            ):
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    "apt installs recommended packages that nobody asked for",
                    hint="add --no-install-recommends and name what is really needed",
                    fix=_fix(step, action.call.name),
                )
                break


def _fix(step: Step, name: str) -> Fix | None:
    found = re.findall(rf"\b{re.escape(name)}(?:\s+-\S+)*\s+install\b", step.instruction.source)
    if len(found) != 1:
        return None
    return rewritten(
        step, found[0], f"{found[0]} --no-install-recommends", "add --no-install-recommends", Safety.UNSAFE
    )
