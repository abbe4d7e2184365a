"""The package index is refreshed in another RUN than the install.

## What it finds
A RUN with `apt-get update` (or `apk update`) but no install, and a later RUN of the stage that installs
without refreshing.

## Why
The two steps are cached apart. When the list of packages changes, only the install runs again, with the
index of the day the first step ran: packages that were replaced since then are 404, and security updates
are missed.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update
RUN apt-get install -y --no-install-recommends curl
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```

## When this is wrong
When the index is a frozen snapshot that never changes.

## Fix safety
No fix: joining the two steps changes layers. It is safe in nearly every file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import cache_mounts
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB107"
LEVEL = Level.WARNING


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each refresh that a later step relies on."""
    for facts in subject.stages:
        yield from _check_stage(facts)


def _check_stage(facts: StageFacts) -> Iterator[Finding]:
    alone: dict[str, Step] = {}
    for step in facts.runs:
        text = step.instruction.text
        if not ("apt" in text or "apk" in text):
            continue
        for tool in ("apt", "apk"):
            kinds = {action.kind for action in actions(step) if action.tool == tool}
            if Kind.INSTALL in kinds:
                refresh = None if Kind.REFRESH in kinds or "--no-cache" in text else alone.pop(tool, None)
                if refresh:
                    yield _finding(refresh, step, tool)
            elif Kind.REFRESH in kinds and not cache_mounts(step):
                alone[tool] = step


def _finding(refresh: Step, install: Step, tool: str) -> Finding:
    return about(
        refresh,
        CODE,
        LEVEL,
        f"the {tool} index grows old, for the install on line {install.instruction.start} is cached apart",
        hint="refresh and install in one RUN",
    )
