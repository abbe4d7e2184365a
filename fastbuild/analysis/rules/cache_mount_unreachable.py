"""A cache mount that the step's user can't use.

## What it finds
A RUN as another user than root with a cache mount that lies in root's home directory, or that belongs to
root for want of `uid=` or `mode=`.

## Why
A cache mount belongs to root with mode 0755 unless told otherwise, and tools look for their cache in the
home directory of the user who runs them. In both cases nothing is ever kept: the mount exists, costs
nothing and saves nothing.

## Example
```dockerfile
FROM python:3.13-slim
USER app
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```
```dockerfile
FROM python:3.13-slim
USER 1000
COPY requirements.txt .
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install -r requirements.txt
```

## When this is wrong
When HOME or the tool's own variable points to the mount (the rule looks for them), or when the user may
write there by other means, such as `sudo` within the RUN.

## Fix safety
No fix: the user's number and home are known to the base image only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import covers
from fastbuild.analysis.finding import Level
from fastbuild.dockerfile.model import mount_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB108"
LEVEL = Level.WARNING

ROOT = frozenset({"", "root", "0", "root:root", "0:0"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN of another user with such a mount."""
    for step in subject.runs:
        if step.user not in ROOT and "type=cache" in step.instruction.text:
            problem = _problem(step)
            if problem:
                yield about(step, CODE, LEVEL, problem[0], hint=problem[1])


def _problem(step: Step) -> tuple[str, str] | None:
    if "$" in step.user or not step.user or "sudo" in step.instruction.text:
        return None
    for mount in step.instruction.mounts():
        if mount["type"] != "cache":
            continue
        target = step.expanded(mount_target(mount))
        moved = any(value and covers(target, value) for value in step.scope.values.values())
        if covers("/root", target) and not moved:
            return (
                f"the cache mount {target} is in root's home, but this RUN runs as {step.user}",
                f"mount the cache of {step.user}, with uid=",
            )
        if not mount.get("uid") and not mount.get("mode") and not mount.get("from"):
            return (
                f"the cache mount {target} belongs to root and {step.user} can't write to it",
                "add uid= (and gid=) of the user to the mount",
            )
    return None
