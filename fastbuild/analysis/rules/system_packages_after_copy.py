"""System packages are installed after the source code is copied.

## What it finds
A RUN that only installs packages of the distribution (apt, apk, dnf, yum, zypper), below a COPY of the
whole context or of a directory with source code in the same stage.

## Why
System packages don't depend on the application's code, but each changed file makes BuildKit run everything
below the COPY again, the slow package manager included.

## Example
```dockerfile
FROM debian:bookworm-slim
COPY . /app
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && rm -rf /var/lib/apt/lists/*
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && rm -rf /var/lib/apt/lists/*
COPY . /app
```

## When this is wrong
When the copied files configure the package manager or are packages themselves. The rule is silent when the
RUN names a local file, reads a list from one, or does anything else besides installing and cleaning.

## Fix safety
No fix here: `fastbuild reorder` moves the step and can prove that the image stays equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.brought import brings_code
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.estimates import time_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.managers import SYSTEM_TOOLS, SYSTEM_WORDS
from fastbuild.analysis.manifests import is_harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB102"
LEVEL = Level.WARNING


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that only installs system packages below the first broad COPY of its stage."""
    for facts in subject.stages:
        if not any(mentions(step, SYSTEM_WORDS) for step in facts.runs):
            continue
        copy: Step | None = None
        for step in facts.steps:
            if copy is None and brings_code(subject, step) and not _configures(step):
                copy = step
            elif copy is not None and _only_installs(step):
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"system packages are installed again whenever a file changes that line "
                    f"{copy.instruction.start} copies",
                    hint=f"move this RUN above line {copy.instruction.start}; see `fastbuild reorder`",
                    cost=time_cost(subject, (step,)),
                )


def _configures(step: Step) -> bool:
    return (step.destination or "").startswith(("/etc", "/usr/share"))


def _only_installs(step: Step) -> bool:
    if not mentions(step, SYSTEM_WORDS):
        return False
    found = actions(step)
    if not step.script.complete or any(mount["type"] == "bind" for mount in step.instruction.mounts()):
        return False
    installs = any(action.kind is Kind.INSTALL and action.tool in SYSTEM_TOOLS for action in found)
    return installs and "$(" not in step.instruction.text and all(is_harmless(action) for action in found)
