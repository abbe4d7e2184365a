"""Dependencies are installed after the source code is copied.

## What it finds
A RUN that installs dependencies from manifests (`package.json`, `requirements.txt`, `go.mod`, …) or by
name, in a stage where a COPY of the whole context or of a directory with source code stands above it.

## Why
Every changed source file changes the key of the COPY, and every step below it runs again. So each commit
downloads and installs all dependencies, though their manifests did not change.

## Example
```dockerfile
FROM node:22-slim
WORKDIR /app
COPY . .
RUN npm ci
```
```dockerfile
FROM node:22-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
```

## When this is wrong
When the install needs the source code: local packages (`file:`, `-e .`, `replace => ./…`), install scripts
in `package.json` that call your files, manifests that an earlier step generates. With the context at hand
the rule looks for these and stays silent.

## Fix safety
No fix here: `fastbuild reorder` moves the steps and can prove that the image stays equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.brought import brings_code
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.estimates import action_seconds, time_cost
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.languages import LANGUAGE_WORDS
from fastbuild.analysis.managers import SYSTEM_TOOLS
from fastbuild.analysis.manifests import is_harmless, needs_project
from fastbuild.analysis.reach import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB101"
LEVEL = Level.WARNING


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that installs below the first broad COPY of its stage."""
    for facts in subject.stages:
        if any(mentions(step, LANGUAGE_WORDS) for step in facts.runs):
            yield from _check_stage(subject, facts)


def _check_stage(subject: Subject, facts: StageFacts) -> Iterator[Finding]:
    copy: Step | None = None
    before: set[str] = set()
    written = ""
    for step in chain(subject, facts):
        own = step.stage is facts.stage
        if copy is None and own and brings_code(subject, step):
            copy = step
        elif mentions(step, LANGUAGE_WORDS):
            action = _install(subject, step, written)
            if action and copy is None:
                before.add(action.tool)
            elif action and copy and action.tool not in before:
                yield _finding(subject, step, copy, action)
        if copy is not None and step.keyword == "RUN":
            written += step.instruction.text


def _install(subject: Subject, step: Step, written: str) -> Action | None:
    """The first install that needs only manifests which no command above may have made."""
    for action in actions(step) if step.script.complete else ():
        if action.kind is Kind.INSTALL and action.tool not in SYSTEM_TOOLS:
            if action.sources or needs_project(subject, action):
                return None
            made = any(name.rpartition("/")[2] in written for name in action.manifests)
            return None if made else action
        if not is_harmless(action):
            return None
    return None


def _finding(subject: Subject, step: Step, copy: Step, action: Action) -> Finding:
    files = " and ".join((*action.manifests, *_STUBS.get(action.tool, ()))) if action.manifests else ""
    advice = f"copy {files} and install before" if files else "install before"
    option = _SPLIT.get(action.tool)
    extra = f" (with {option})" if option and not action.has(*option.split()) else ""
    return about(
        step,
        CODE,
        LEVEL,
        f"{action.tool} installs dependencies again whenever a file changes that line "
        f"{copy.instruction.start} copies",
        hint=f"{advice} line {copy.instruction.start}{extra}; see `fastbuild reorder`",
        cost=_cost(subject, step, action),
    )


def _cost(subject: Subject, step: Step, action: Action) -> Cost:
    """The whole step's time if it only installs; else the estimate of the install."""
    if all(is_harmless(each) for each in actions(step)):
        return time_cost(subject, (step,))
    return Cost(seconds=action_seconds(action))


_STUBS = {"cargo": ("an empty src/main.rs",)}
"""What a tool insists on besides its manifests."""
_SPLIT = {
    "poetry": "--no-root",
    "uv": "--no-install-project",
    "composer": "--no-autoloader --no-scripts",
}
"""Options without which the install needs the project itself, too."""
