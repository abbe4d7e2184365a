"""The Dockerfile copies itself.

## What it finds
A COPY of the whole context, while the Dockerfile, `.dockerignore`, compose or CI files are part of it.

## Why
Each change of a line at the end of the Dockerfile then changes the COPY in its middle, and everything below
runs again, although BuildKit would have kept it. The same goes for CI configuration.

## Example
```context
Dockerfile 300
app.py 900
```
```dockerfile
FROM python:3.13-slim
COPY . /app
```
```context
app.py 900
```
```dockerfile
FROM python:3.13-slim
COPY . /app
```

## When this is wrong
When the application reads these files at run time.

## Fix safety
Safe for the Dockerfile and `.dockerignore`: BuildKit finds both in spite of the ignore file, and the image
loses only them. There is no fix if the Dockerfile is mentioned by an instruction.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, ignoring
from fastbuild.analysis.brought import is_everything
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB203"
LEVEL = Level.INFO

_OURS = re.compile(r"Dockerfile(\.[\w-]+)?|[\w-]+\.[Dd]ockerfile|(Dockerfile[\w.-]*)?\.dockerignore")
_CI = re.compile(
    r"(docker-)?compose[\w.-]*\.ya?ml|\.gitlab-ci\.yml|\.github|\.circleci|\.travis\.yml|Jenkinsfile"
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding, at the first COPY of everything."""
    step = next((step for step in subject.steps() if is_everything(step)), None)
    if subject.context is None or step is None:
        return
    top = sorted({path.partition("/")[0] for path in subject.context.files()})
    ours = tuple(name for name in top if _OURS.fullmatch(name))
    others = tuple(name for name in top if _CI.fullmatch(name))
    if not ours and not others:
        return
    mentioned = any("ockerfile" in each.instruction.text for each in subject.steps())
    fix = None if mentioned else ignoring(subject.context, ours, "add them to the ignore file")
    yield about(
        step,
        CODE,
        LEVEL,
        f"{', '.join((*ours, *others)[:5])} {'is' if len(ours) + len(others) == 1 else 'are'} copied: "
        "changing such a file runs all below again",
        hint="leave them out in .dockerignore",
        fix=fix,
    )
