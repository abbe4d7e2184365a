"""A package manager's cache stays in the image.

## What it finds
A RUN of a shipped stage that leaves package lists or downloads in its layer: `apt-get update` without
removing the lists, `apk update` without `--no-cache`, dnf and yum without `clean all`, pip and npm without
clearing their cache or a cache mount.

## Why
Nothing at run time reads these files. They are stored, pushed and pulled with every image; a later RUN that
deletes them doesn't make the image smaller.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```

## When this is wrong
When a setting in the base image or a file that the rule can't see moves or switches off the cache. Stages
that don't reach the final image are not looked at, and a cache mount counts as clean.

## Fix safety
Safe for apt: `rm -rf /var/lib/apt/lists/*` is added at the end of the RUN, so the image loses the lists; a
container that installs packages later runs `apt-get update` first, as it must anyway. No fix where no
command may follow. The others have none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import LEFT, leaves
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.finding import Cost, Edit, Fix, Level, Safety
from fastbuild.analysis.managers import SYSTEM_WORDS
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB301"
LEVEL = Level.WARNING

_TOOLS = SYSTEM_WORDS | {"pip", "pip2", "pip3", "npm"}
_LARGE = 10_000_000
_HINTS = {
    "apt": "end the RUN with `rm -rf /var/lib/apt/lists/*`",
    "apk": "use `apk add --no-cache`",
    "pip": "mount it (RUN --mount=type=cache,target=/root/.cache/pip), or use --no-cache-dir",
    "npm": "mount it (RUN --mount=type=cache,target=/root/.npm), or add `npm cache clean --force`",
    "zypper": "end the RUN with `zypper clean --all`",
}


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each shipped RUN and tool."""
    for facts in shipped(subject):
        for step in facts.runs:
            if mentions(step, _TOOLS):
                yield from _check_run(subject, step)


def _check_run(subject: Subject, step: Step) -> Iterator[Finding]:
    found = actions(step)
    seen: set[str] = set()
    for action in found:
        if action.tool in seen or not leaves(step, action, found):
            continue
        seen.add(action.tool)
        what, size = LEFT[action.tool]
        yield about(
            step,
            CODE,
            LEVEL if size >= _LARGE else Level.INFO,
            f"{action.tool} leaves its {what} in the layer",
            hint=_HINTS.get(action.tool, f"end the RUN with `{action.tool} clean all`"),
            cost=Cost(size=size),
            fix=_removal(step) if action.tool == "apt" and not _used_later(subject, step) else None,
        )


def _used_later(subject: Subject, step: Step) -> bool:
    """Whether a later RUN installs with these lists, or runs a script that might."""
    for later in subject.runs:
        if later.instruction.index <= step.instruction.index:
            continue
        found = actions(later)
        if not later.script.complete or any(_may_install(action) for action in found):
            return True
        apt = {action.kind for action in found if action.tool == "apt"}
        if Kind.INSTALL in apt and Kind.REFRESH not in apt:
            return True
    return False


def _may_install(action: Action) -> bool:
    first = action.call.words[0].text if action.call.words else ""
    return action.kind is Kind.OTHER and ("/" in first or first in ("sh", "bash", "source", "."))


def _removal(step: Step) -> Fix | None:
    """The lists removed at the end, where the last line surely takes `&& …`."""
    instruction = step.instruction
    source = instruction.source.rstrip()
    last = source.rpartition("\n")[2]
    if not _takes_more(step) or "#" in last or re.search(r"[;&|\\`]$", source):
        return None
    ending = instruction.source[len(source) :]
    indent = (re.match(r"[ \t]+", last) or [" " * 4])[0] if "\n" in source else " " * 4
    text = f"{source} \\\n{indent}&& rm -rf /var/lib/apt/lists/*{ending}"
    edit = Edit(start=instruction.start, end=instruction.end, text=text)
    return Fix(title="remove the package lists", safety=Safety.SAFE, edits=(edit,))


def _takes_more(step: Step) -> bool:
    """Whether `&& …` at the end of the RUN surely runs after all of it, as root."""
    instruction = step.instruction
    if instruction.heredocs or instruction.json or step.escape != "\\" or not step.script.complete:
        return False
    if step.user not in ("", "root", "0") or not step.script.calls or step.script.calls[-1].nested:
        return False
    return "||" not in instruction.text and "<<" not in instruction.text
