"""Two builds that have nothing in common run one after the other in one stage.

## What it finds
A stage in which two toolchains (Node.js and Go, Rust and Node.js, …) each spend considerable time in RUNs
of their own, and at least one builds.

## Why
BuildKit runs the steps of a stage one by one, but stages side by side. And a change for one toolchain makes
the steps of the other run again if they stand below.

## Example
```dockerfile
FROM fedora:42
WORKDIR /src
COPY . .
RUN npm ci && npm run build
RUN go build -o /server ./cmd/server
```
```dockerfile
FROM node:22 AS web
WORKDIR /src
COPY web .
RUN npm ci && npm run build

FROM golang:1.24 AS server
WORKDIR /src
COPY . .
RUN go build -o /server ./cmd/server

FROM debian:bookworm-slim
COPY --from=web /src/dist /dist
COPY --from=server /server /server
```

## When this is wrong
When the second needs what the first makes, for example when Go embeds the built web pages.

## Fix safety
No fix: splitting a stage is a change of design.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.estimates import seconds
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.languages import LANGUAGE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB113"
LEVEL = Level.INFO

_FAMILIES = {
    **dict.fromkeys(("npm", "yarn", "pnpm", "bun"), "Node.js"),
    **dict.fromkeys(("pip", "poetry", "uv", "pipenv"), "Python"),
    **dict.fromkeys(("mvn", "gradle"), "Java"),
    "go": "Go",
    "cargo": "Rust",
    "composer": "PHP",
    "bundle": "Ruby",
    "dotnet": ".NET",
}
_LONG = 10.0


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each stage, at the first step of its second toolchain."""
    for facts in subject.stages:
        found = _families(facts)
        long = {
            name: steps
            for name, steps in found.items()
            if sum(seconds(subject, step)[0] for step in steps) >= _LONG
        }
        if len(long) < 2 or not _one_builds(facts):
            continue
        names = list(long)
        spent = sorted(sum(seconds(subject, step)[0] for step in steps) for steps in long.values())
        yield about(
            long[names[1]][0],
            CODE,
            LEVEL,
            f"{names[0]} and {names[1]} work one after the other in one stage",
            hint="give each a stage of its own if neither needs the other's output: stages run side by side",
            cost=Cost(seconds=round(sum(spent[:-1]), 1)),
        )


def _families(facts: StageFacts) -> dict[str, list[Step]]:
    """The RUNs of each toolchain that stay within it; a tool installed by name counts for nothing."""
    found: dict[str, list[Step]] = {}
    for step in facts.runs:
        if not mentions(step, LANGUAGE_WORDS):
            continue
        mine = {
            _FAMILIES[action.tool]
            for action in actions(step)
            if action.tool in _FAMILIES and (action.kind is Kind.BUILD or action.manifests)
        }
        if len(mine) == 1:
            found.setdefault(mine.pop(), []).append(step)
    return found


def _one_builds(facts: StageFacts) -> bool:
    return any(
        action.kind is Kind.BUILD and action.tool in _FAMILIES
        for step in facts.steps
        for action in actions(step)
    )
