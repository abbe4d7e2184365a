"""A stage that cross-compiles runs on the target's platform.

## What it finds
A stage that passes TARGETARCH or TARGETPLATFORM to a compiler (`GOARCH=$TARGETARCH`), while its FROM
doesn't say `--platform=$BUILDPLATFORM`.

## Why
For a foreign platform the whole stage then runs under emulation, several times slower, though the compiler
is told to cross-compile anyway. On the build machine's platform it runs at full speed.

## Example
```dockerfile
FROM golang:1.24 AS build
ARG TARGETARCH
COPY . .
RUN GOARCH=$TARGETARCH go build -o /app .
```
```dockerfile
FROM --platform=$BUILDPLATFORM golang:1.24 AS build
ARG TARGETARCH
COPY . .
RUN GOARCH=$TARGETARCH go build -o /app .
```

## When this is wrong
When the image is never built for another platform than the builder's own, or the compiler needs libraries
of the target that only the target's image has.

## Fix safety
Unsafe: tools that the stage installs are then those of the build machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, rewritten
from fastbuild.analysis.finding import Level, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB115"
LEVEL = Level.INFO

_CROSS = re.compile(r"\bGOARCH=[\"']?\$\{?TARGETARCH|\bGOOS=[\"']?\$\{?TARGETOS|\bxx-(go|cargo|clang)\b")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each stage on an image (not on another stage) that cross-compiles so."""
    for facts in subject.stages:
        start = facts.steps[0]
        if start.instruction.flag("platform") is not None or facts.parent is not None:
            continue
        using = next((step for step in facts.steps if _crosses(step.instruction.text)), None)
        if using is None:
            continue
        base = facts.stage.base
        yield about(
            start,
            CODE,
            LEVEL,
            f"line {using.instruction.start} cross-compiles, but this stage runs under emulation "
            "for a foreign platform",
            hint="write FROM --platform=$BUILDPLATFORM",
            fix=rewritten(start, base, f"--platform=$BUILDPLATFORM {base}", "add --platform", Safety.UNSAFE),
        )


def _crosses(text: str) -> bool:
    mentioned = "GOARCH" in text or "GOOS" in text or "xx-" in text
    return mentioned and _CROSS.search(text) is not None
