"""The apt cache mount may be used by two builds at once.

## What it finds
A RUN that installs with apt and mounts a cache on `/var/cache/apt` or `/var/lib/apt` without
`sharing=locked`.

## Why
apt takes a lock in these directories and gives up at once when somebody else holds it. With the default,
`sharing=shared`, two stages or two builds that run at the same time fail now and then.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN rm -f /etc/apt/apt.conf.d/docker-clean
RUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y curl
```
```dockerfile
FROM debian:bookworm-slim
RUN rm -f /etc/apt/apt.conf.d/docker-clean
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get update && apt-get install -y curl
```

## When this is wrong
When the mount's `id` is used by one step of one build only, and builds never run at the same time.

## Fix safety
Safe: the image stays equal. The key of the RUN changes once, so it runs again once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, rewritten
from fastbuild.analysis.caches import overlaps
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level, Safety
from fastbuild.dockerfile.model import mount_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject
    from fastbuild.dockerfile.model import Flag

CODE = "FB109"
LEVEL = Level.WARNING


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN with such a mount."""
    for step in subject.runs:
        if "type=cache" not in step.instruction.text or "apt" not in step.instruction.text:
            continue
        flags = [flag for flag in step.instruction.flags if _is_shared_apt_cache(flag)]
        kinds = {action.kind for action in actions(step) if action.tool == "apt"}
        if flags and kinds & {Kind.INSTALL, Kind.REFRESH, Kind.UPGRADE}:
            yield _finding(step, flags)


def _is_shared_apt_cache(flag: Flag) -> bool:
    options = flag.options
    if flag.name != "mount" or options.get("type") != "cache" or options.get("sharing", "shared") != "shared":
        return False
    return any(overlaps(path, mount_target(options)) for path in ("/var/cache/apt", "/var/lib/apt"))


def _finding(step: Step, flags: list[Flag]) -> Finding:
    new = step.instruction.source
    for flag in flags:
        if new.count(flag.text) == 1 and "sharing" not in flag.options:
            new = new.replace(flag.text, flag.text + ",sharing=locked")
    missing = all("sharing" not in flag.options for flag in flags)
    whole = new.count("sharing=locked") - step.instruction.source.count("sharing=locked") == len(flags)
    fix = (
        rewritten(step, step.instruction.source, new, "add sharing=locked", Safety.SAFE)
        if missing and whole
        else None
    )
    return about(
        step,
        CODE,
        LEVEL,
        "two builds that use this apt cache at the same time can fail at its lock",
        hint="add sharing=locked to the cache mount",
        fix=fix,
    )
