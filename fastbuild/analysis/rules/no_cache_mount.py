"""A step downloads or compiles everything again whenever one dependency or file changes.

## What it finds
A RUN that compiles (go, cargo, maven, gradle, dotnet) or installs language packages (pip, npm, …) without
any cache mount.

## Why
A layer is all or nothing: one new package runs the whole step again. With `RUN --mount=type=cache` the tool
finds its downloads and compiled units again and does only what is new; the mount is no part of the image.

## Example
```dockerfile
FROM golang:1.24
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
```
```dockerfile
FROM golang:1.24
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
```

## When this is wrong
On builders that lose their mounts between builds: `fastbuild build` keeps mounts across fresh runners,
others don't. And when later steps need the downloaded files in the layer: mount the same cache there, too.

## Fix safety
No fix: what lies in the mount is missing from the image, so later steps must mount it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import LEFT, cache_of, leaves
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.estimates import time_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.languages import LANGUAGE_WORDS
from fastbuild.analysis.managers import SYSTEM_TOOLS
from fastbuild.analysis.reach import built, shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB112"
LEVEL = Level.INFO

_COMPILERS = frozenset({"go", "cargo", "mvn", "gradle", "dotnet"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that would profit, except those whose left cache is reported already."""
    needed = built(subject, len(subject.stages) - 1) if subject.stages else frozenset()
    in_image = {facts.stage.index for facts in shipped(subject)}
    for facts in subject.stages:
        if facts.stage.index not in needed:
            continue
        for step in facts.runs:
            action = _profits(step)
            if action and not (facts.stage.index in in_image and _reported(step)):
                yield _finding(subject, step, action)


def _profits(step: Step) -> Action | None:
    text = step.instruction.text
    if not mentions(step, LANGUAGE_WORDS) or "type=cache" in text:
        return None
    for action in actions(step):
        if (
            action.kind is Kind.INSTALL
            and action.tool not in SYSTEM_TOOLS
            and (action.manifests or action.sources)
        ):
            return action
        if action.kind is Kind.BUILD and action.tool in _COMPILERS:
            return action
    return None


def _reported(step: Step) -> bool:
    found = actions(step)
    return any(action.tool in LEFT and leaves(step, action, found) for action in found)


def _finding(subject: Subject, step: Step, action: Action) -> Finding:
    compiles = action.kind is Kind.BUILD and action.tool in ("go", "cargo")
    return about(
        step,
        CODE,
        LEVEL,
        f"{action.tool} {'compiles' if compiles else 'downloads'} everything again whenever this step runs",
        hint=_hint(step, action, compiles),
        cost=time_cost(subject, (step,)),
    )


def _hint(step: Step, action: Action, compiles: bool) -> str:
    start = "keep its cache: RUN --mount=type=cache,target="
    if action.tool == "go":
        home = "/root" if step.user in ("", "root", "0") else "~"
        return start + (f"{home}/.cache/go-build (and /go/pkg/mod)" if compiles else "/go/pkg/mod")
    if action.tool == "cargo":
        registry = start + "/usr/local/cargo/registry"
        return (
            registry + " and one on target/, copying the binary out in the same RUN" if compiles else registry
        )
    known = cache_of(step, action) if action.tool != "composer" else ()
    hint = start + known[0] if known else "keep its cache in a cache mount"
    return hint + ", without --no-cache-dir" if action.has("--no-cache-dir") else hint
