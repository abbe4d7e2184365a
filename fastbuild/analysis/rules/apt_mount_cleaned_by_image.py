"""Debian's image deletes the packages that the apt cache mount should keep.

## What it finds
A RUN that installs with apt and a cache mount on `/var/cache/apt`, on an official Debian or Ubuntu based
image, while nothing removes `/etc/apt/apt.conf.d/docker-clean`.

## Why
The images come with a setting that deletes all downloaded packages after each install. The mount is there,
but stays empty: every build downloads the packages again.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get update && apt-get install -y curl
```
```dockerfile
FROM debian:bookworm-slim
RUN rm -f /etc/apt/apt.conf.d/docker-clean
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get update && apt-get install -y curl
```

## When this is wrong
When the base was rebuilt without that file under the same name.

## Fix safety
No fix: the line that removes the file belongs where all stages profit from it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import image, is_debian
from fastbuild.analysis.caches import cache_mounts, overlaps
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import chain, root_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB111"
LEVEL = Level.WARNING

_KEPT = re.compile(r"docker-clean|Keep-Downloaded-Packages|apt\.conf|Dir::Cache")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each stage, at its first such RUN."""
    for facts in subject.stages:
        if any("type=cache" in step.instruction.text for step in facts.steps):
            yield from _check_stage(subject, facts)


def _check_stage(subject: Subject, facts: StageFacts) -> Iterator[Finding]:
    if not is_debian(image(root_base(subject, facts))):
        return
    for step in chain(subject, facts):
        if _KEPT.search(step.instruction.text):
            return
        if step.stage is not facts.stage or not _on_archives(cache_mounts(step)):
            continue
        if any(action.tool == "apt" and action.kind is Kind.INSTALL for action in actions(step)):
            yield about(
                step,
                CODE,
                LEVEL,
                "the image's docker-clean setting deletes the packages that this cache mount should keep",
                hint="run `rm -f /etc/apt/apt.conf.d/docker-clean` in a step above",
            )
            return


def _on_archives(mounts: tuple[str, ...]) -> bool:
    return any(overlaps(mount, "/var/cache/apt/archives") for mount in mounts)
