"""An install that waits for an answer.

## What it finds
`apt-get install` without `-y`, likewise for yum, dnf and `zypper` without `-n`.

## Why
Nobody answers during a build. As soon as something besides the named packages is needed, the tool asks,
gets no answer and aborts: the build fails after all steps above have run.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```

## When this is wrong
When a configuration file answers for you (`APT::Get::Assume-Yes`), or `yes` is piped in; the rule looks for
both.

## Fix safety
Safe: `-y` only answers the question that would end the build.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, rewritten
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.finding import Level, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding, Fix
    from fastbuild.analysis.subject import Subject

CODE = "FB303"
LEVEL = Level.WARNING

_TOOLS = frozenset({"apt", "yum", "dnf", "zypper"})
_ANSWERS = re.compile(r"Assume-Yes|assumeyes|\byes\s*(\S+\s*)?\||\bfunction\b")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that could ask."""
    asking = {step.instruction.index: _asking(step) for step in subject.runs if mentions(step, _TOOLS)}
    if not any(asking.values()) or any(_ANSWERS.search(step.instruction.text) for step in subject.steps()):
        return
    for step in subject.steps():
        found = asking.get(step.instruction.index)
        if found:
            name = found[0].call.name
            yield about(
                step,
                CODE,
                LEVEL,
                f"`{name}` may ask a question that nobody answers",
                hint="add -n before the subcommand" if name == "zypper" else "add -y",
                fix=_fix(step, found),
            )


def _asking(step: Step) -> list[Action]:
    return [action for action in actions(step) if _asks(action)] if step.script.complete else []


def _asks(action: Action) -> bool:
    if action.kind not in (Kind.INSTALL, Kind.UPGRADE) or action.tool not in ("apt", "yum", "dnf", "zypper"):
        return False
    words = action.call.args
    if not action.call.words or any(word.startswith(("$", '"$')) for word in words):
        return False
    if action.tool == "zypper":
        return not action.has("-n", "--non-interactive", "-y", "--no-confirm")
    quiet = sum(word.count("q") for word in words if re.fullmatch(r"-[a-zA-Z]+", word))
    yes = any(re.fullmatch(r"-[a-zA-Z]*y[a-zA-Z]*", word) for word in words)
    asked = yes or action.has(
        "--yes", "--assume-yes", "--assumeyes", "--force-yes", "-q=2", "--download-only"
    )
    return not asked and not (action.tool == "apt" and quiet >= 2)


def _fix(step: Step, asking: list[Action]) -> Fix | None:
    action = asking[0]
    if len(asking) != 1 or action.tool == "zypper":
        return None
    match = re.findall(rf"\b{re.escape(action.call.name)}\s+install\b", step.instruction.source)
    if len(match) != 1:
        return None
    return rewritten(step, match[0], f"{match[0]} -y", "add -y", Safety.SAFE)
