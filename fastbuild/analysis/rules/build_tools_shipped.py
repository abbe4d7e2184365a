"""The final image holds the tools that built it.

## What it finds
A final stage with a CMD or ENTRYPOINT that is based on a compiler's image and compiles there (`golang`,
`rust`, `maven`, `gradle`, the .NET SDK), or that installs compilers and headers (`gcc`, `build-essential`,
`*-dev`, …) without removing them in the same RUN.

## Why
At run time they are dead weight: hundreds of megabytes to push, pull and patch, and handy for an intruder.
A second stage that copies the result holds none of them.

## Example
```dockerfile
FROM golang:1.24
WORKDIR /src
COPY . .
RUN go build -o /app .
CMD ["/app"]
```
```dockerfile
FROM golang:1.24 AS build
WORKDIR /src
COPY . .
RUN go build -o /app .

FROM gcr.io/distroless/static:nonroot
COPY --from=build /app /app
CMD ["/app"]
```

## When this is wrong
When the program compiles at run time or loads a `-dev` package's files, or the image is a tool for
developers. The rule is silent for stages called dev, test, ci or similar, and when the image's command is
the tool itself.

## Fix safety
No fix: what must be copied is yours to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import image
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.managers import SYSTEM_TOOLS
from fastbuild.analysis.reach import chain, root_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB406"
LEVEL = Level.WARNING

_TOOLS = re.compile(
    r"(gcc|g\+\+|clang|make|cmake|build-essential|build-base|autoconf|automake|ninja-build|golang(-go)?|cargo|rustc|maven|gradle"
    r"|gcc-c\+\+|python3?-dev|linux-headers|musl-dev|libc6?-dev|[\w+.-]+-dev(el)?|kernel-headers|default-jdk|openjdk-\d+-jdk)"
    r"(=.*|~.*)?"
)
_HEADERS = re.compile(r"-dev(el)?(=|~|$)|headers")
_COMPILER_IMAGES = {"golang": "go", "rust": "cargo", "maven": "mvn", "gradle": "gradle"}
_FOR_DEVELOPERS = re.compile(r"(dev|test|ci|lint|debug|builder?|base|tools?|sdk|toolchain)")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for the base image, one for each RUN that installs such packages."""
    final = subject.final
    if final is None or _FOR_DEVELOPERS.search(final.stage.name):
        return
    steps = tuple(chain(subject, final))
    started = [step for step in steps if step.keyword in ("CMD", "ENTRYPOINT")]
    if not started:
        return
    command = " ".join(step.instruction.text for step in started)
    tool = _compiler_of(root_base(subject, final))
    if tool and not re.search(rf"\b({tool}|bash|sh)\b", command) and _builds_with(steps, tool):
        yield about(
            final.steps[0],
            CODE,
            LEVEL,
            f"the final image is built on {final.base} and ships the whole toolchain",
            hint="build in one stage and COPY --from the result into a small one",
            cost=Cost(size=700_000_000),
        )
    for step in steps:
        names = _left_over(step)
        if names and not re.search(r"\b(gcc|make|cmake|cargo|go|bash)\b", command):
            headers = all(_HEADERS.search(name) for name in names)
            yield about(
                step,
                CODE,
                Level.INFO if headers else LEVEL,
                f"build tools stay in the final image: {', '.join(names[:4])}",
                hint="build in a stage of its own, or remove them in the same RUN",
                cost=Cost(size=20_000_000 if headers else 200_000_000),
            )


def _compiler_of(base: str) -> str:
    if re.match(r"mcr\.microsoft\.com/dotnet/sdk\b", base):
        return "dotnet"
    found = image(base)
    return _COMPILER_IMAGES.get(found.path, "") if found and found.is_official else ""


def _builds_with(steps: tuple[Step, ...], tool: str) -> bool:
    return any(
        action.tool == tool and action.kind is Kind.BUILD for step in steps for action in actions(step)
    )


def _left_over(step: Step) -> list[str]:
    if step.keyword != "RUN":
        return []
    found = actions(step)
    if any(
        action.kind is Kind.CLEAN and action.has("purge", "remove", "del", "autoremove") for action in found
    ):
        return []
    return [
        name
        for action in found
        if action.kind is Kind.INSTALL and action.tool in SYSTEM_TOOLS
        for name in action.names
        if _TOOLS.fullmatch(name)
    ]
