"""All packages of the base image are upgraded.

## What it finds
`apt-get upgrade`, `dist-upgrade`, `apk upgrade`, `dnf update` without names.

## Why
What is upgraded depends on the day, while the key of the RUN does not: from the cache it is old, on a fresh
runner it is new. Each upgraded package is in the image twice, in the base's layer and in this one.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*
```
```dockerfile
FROM debian:bookworm-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000
```

## When this is wrong
When security updates must not wait for a new base image. Then make the step expire: `--no-cache-filter` for
its stage on a schedule.

## Fix safety
No fix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.finding import Level
from fastbuild.analysis.managers import SYSTEM_TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB302"
LEVEL = Level.INFO

_VERBS = frozenset({"upgrade", "update", "distro", "dup", "up", "patch"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that upgrades everything."""
    for step in subject.runs:
        if not mentions(step, _VERBS):
            continue
        for action in actions(step):
            if action.kind is Kind.UPGRADE and action.tool in SYSTEM_TOOLS and not action.names:
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    "what this upgrades depends on the day it runs, and the cache keeps that day",
                    hint="use a newer base image, or let the step expire on a schedule",
                )
                break
