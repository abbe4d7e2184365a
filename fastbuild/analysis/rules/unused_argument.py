"""An ARG with a value is used by nothing, yet it is part of every later key.

## What it finds
An ARG that has a value, while no later instruction of its stage or of a stage FROM it mentions the name,
and every RUN below consists of commands that don't look for such variables by themselves.

## Why
BuildKit puts each ARG that has a value into the key of every later RUN of the stage. Changing an argument
that nothing reads runs all of them again, and two builds that differ only in it share nothing.

## Example
```dockerfile
FROM debian:bookworm-slim
ARG APP_CHANNEL=stable
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
```

## When this is wrong
When a program reads the variable from its environment without any mention here. The rule knows the usual
ones (`DEBIAN_FRONTEND`, `PIP_…`, proxies) and is silent if any unknown program runs.

## Fix safety
No fix: a program might read it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import actions
from fastbuild.analysis.estimates import seconds, time_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.manifests import is_harmless
from fastbuild.analysis.reach import lineage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB104"
LEVEL = Level.INFO

_READ_BY_TOOLS = re.compile(
    r"(DEBIAN|DEBCONF|APT|PIP|PYTHON|UV|POETRY|PIPENV|VIRTUAL_ENV|NPM|NODE|YARN|PNPM|COREPACK|BUN|GO|CGO|CARGO|RUST|MAVEN"
    r"|MVN|GRADLE|JAVA|COMPOSER|BUNDLE|GEM|RUBY|DOTNET|NUGET|CC|CXX|CFLAGS|CXXFLAGS|LDFLAGS|MAKEFLAGS|PKG|LANG|LC|TZ|TERM"
    r"|HOME|PATH|USER|SHELL|TMPDIR|XDG|CURL|WGET|GIT|SSL|REQUESTS|TARGET|BUILD|BUILDKIT|SOURCE|SOURCE_DATE|LD|ACCEPT)"
    r"(_\w*|PLATFORM|OS|ARCH|VARIANT|STAGE)?|\w*_proxy|npm_config_\w+|GO\w+|HTTPS?_PROXY",
    re.IGNORECASE,
)
_CHEAP = 3.0


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each ARG with a value that nothing below can use."""
    for facts in subject.stages:
        for position, step in enumerate(facts.steps):
            names = _with_value(subject, step) if step.keyword == "ARG" else []
            if names:
                below = (*facts.steps[position + 1 :], *_descendants(subject, facts))
                for name in names:
                    yield from _unused(subject, step, name, below)


def _with_value(subject: Subject, step: Step) -> list[str]:
    """The declared names that have a value and are not known to be read by tools."""
    return [
        name
        for name, default in step.instruction.pairs()
        if (default is not None or subject.build_args.get(name) is not None)
        and not _READ_BY_TOOLS.fullmatch(name)
    ]


def _descendants(subject: Subject, facts: StageFacts) -> Iterator[Step]:
    for other in subject.stages[facts.stage.index + 1 :]:
        if facts in lineage(subject, other):
            yield from other.steps


def _unused(subject: Subject, step: Step, name: str, below: tuple[Step, ...]) -> Iterator[Finding]:
    if any(name in each.instruction.text for each in below):
        return
    runs = [each for each in below if each.keyword == "RUN"]
    if sum(seconds(subject, each)[0] for each in runs) < _CHEAP:
        return
    if not all(actions(run) and all(is_harmless(action) for action in actions(run)) for run in runs):
        return
    yield about(
        step,
        CODE,
        LEVEL,
        f"nothing uses {name}, but its value is in the key of every RUN below",
        hint="remove it, or declare it without a value",
        cost=time_cost(subject, runs),
    )
