"""A variable that changes with every build stands above steps that don't use it.

## What it finds
An ARG or ENV whose name says that it differs per commit or build (`GIT_SHA`, `BUILD_DATE`, `BUILD_NUMBER`,
…), or whose value is made of one, above RUN steps that don't read it.

## Why
BuildKit puts every variable that has a value into the key of every later RUN of the stage, used or not. A
new commit hash above `apt-get install` installs everything again. LABEL is not in any key: labels may use
such a variable at no cost, if the ARG stands beside them.

## Example
```dockerfile
FROM debian:bookworm-slim
ARG GIT_SHA=unknown
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
LABEL revision=$GIT_SHA
```
```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
```

## When this is wrong
When the value hardly ever changes, whatever its name, or when it is there to start the steps afresh
(`CACHEBUST`). An ARG without a default is no problem until a build gives it a value: then the level is
info.

## Fix safety
No fix here: `fastbuild reorder` sinks the variable to its first use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.estimates import seconds, time_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.manifests import is_harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB103"
LEVEL = Level.WARNING

_VOLATILE = re.compile(
    r"((GIT|VCS|SCM|SOURCE|BUILD|CI|HEAD|REPO|APP|IMAGE)_)*"
    r"(COMMIT|SHA1?|COMMIT_(SHA|HASH|ID|REF|REF_NAME|TIME|DATE|SHORT_SHA|TIMESTAMP)|REVISION|GIT_(REV|HASH|REF|DESCRIBE|BRANCH)"
    r"|VCS_REF|GITCOMMIT|GITSHA|BUILD_?(DATE|TIME|TIMESTAMP|ID|NUMBER|NUM|NO)|RUN_ID|RUN_NUMBER|TIMESTAMP)"
    r"|GITHUB_(SHA|RUN_ID|RUN_NUMBER)|CIRCLE_SHA1|CI_(PIPELINE|JOB)_ID",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{?(\w+)")
_PIN = re.compile(r"v?\d+(\.\d+)+.*|[0-9a-f]{7,40}|v\d+")
_CHEAP = 3.0
"""Seconds of steps run in vain below which there is nothing to say."""


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each volatile variable with dear steps between it and its first use."""
    for facts in subject.stages:
        for position, step in enumerate(facts.steps):
            if step.keyword not in ("ARG", "ENV"):
                continue
            for name, value in step.instruction.pairs():
                if _is_volatile(step.keyword, name, value):
                    yield from _finding(subject, step, name, facts.steps[position + 1 :])


def _is_volatile(keyword: str, name: str, value: str | None) -> bool:
    """ENV counts if its value is made of an argument; a default that names a version is a pin."""
    if any(_VOLATILE.fullmatch(each) for each in _REFERENCE.findall(value or "")):
        return True
    if keyword == "ENV" and "$" not in (value or ""):
        return False
    return bool(_VOLATILE.fullmatch(name)) and not _PIN.fullmatch((value or "").strip("\"'"))


def _finding(subject: Subject, step: Step, name: str, below: Sequence[Step]) -> Iterator[Finding]:
    wasted = list(_before_use(name, below))
    if sum(seconds(subject, each)[0] for each in wasted) < _CHEAP:
        return
    known = _has_value(subject, step, name)
    when = "" if known else " as soon as a build gives it a value"
    yield about(
        step,
        CODE,
        LEVEL if known else Level.INFO,
        f"{name} differs from build to build and makes {_count(len(wasted))} run again that "
        f"{'does' if len(wasted) == 1 else 'do'} not use it{when}",
        hint="move it down to its first use; see `fastbuild reorder`",
        cost=time_cost(subject, wasted),
    )


def _count(number: int) -> str:
    return "a step" if number == 1 else f"{number} steps"


def _has_value(subject: Subject, step: Step, name: str) -> bool:
    """Whether the variable has a value in this build, as far as known."""
    value = dict(step.instruction.pairs()).get(name)
    if step.keyword == "ENV":
        return any(step.scope.values.get(each) for each in _REFERENCE.findall(value or ""))
    if value is not None or subject.build_args.get(name) is not None:
        return True
    return any(name == key and default is not None for key, default in _globals(subject))


def _globals(subject: Subject) -> Iterator[tuple[str, str | None]]:
    for each in subject.dockerfile.header:
        yield from each.pairs()


def _before_use(name: str, below: Sequence[Step]) -> Iterator[Step]:
    """The RUNs down to the first step that may read the variable."""
    aliases = {name}
    for step in below:
        text = step.instruction.text
        named = any(re.search(rf"\b{re.escape(alias)}\b", text) for alias in aliases)
        if step.keyword in ("ENV", "ARG"):
            if named:
                aliases |= {
                    key for key, value in step.instruction.pairs() if value and _mentions(value, aliases)
                }
        elif named and step.keyword in ("COPY", "ADD", "WORKDIR", "USER"):
            return
        elif step.keyword == "RUN":
            if named or not _reads_no_variables(step):
                return
            yield step


def _mentions(value: str, names: set[str]) -> bool:
    return any(each in names for each in _REFERENCE.findall(value))


def _reads_no_variables(step: Step) -> bool:
    """Whether no command looks at such variables: package managers and plain commands don't."""
    found = actions(step)
    return (
        bool(found)
        and not any(action.sources for action in found)
        and all(
            action.kind in (Kind.INSTALL, Kind.REFRESH, Kind.UPGRADE, Kind.CLEAN, Kind.FETCH, Kind.PLAIN)
            or is_harmless(action)
            for action in found
        )
    )
