"""The final image is built on a variant with compilers and more.

## What it finds
A shipped stage on the full variant of an official image that has a slim one: `python:3.13`, `node:22`,
`ruby:3.4`, `perl:5.40`, `debian:bookworm`, and JDKs of `eclipse-temurin` where nothing compiles.

## Why
The full variants hold compilers, headers and version control for building packages: several hundred
megabytes that are pulled on every fresh machine and patched for nothing.

## Example
```dockerfile
FROM python:3.13
COPY app.py /
CMD ["python", "/app.py"]
```
```dockerfile
FROM python:3.13-slim
COPY app.py /
CMD ["python", "/app.py"]
```

## When this is wrong
When the program needs one of those tools or libraries at run time, or packages are compiled in this stage:
build them in a stage on the full variant and copy them. Alpine variants are smaller still, but musl
replaces glibc there: many binary packages (manylinux wheels, prebuilt Node.js addons) don't fit.

## Fix safety
No fix: the smaller image lacks something by design. Sizes are estimates.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import image
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.bases import Image
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB403"
LEVEL = Level.INFO

_DEBIANS = "bookworm|trixie|bullseye"
_SAVED = {
    "python": 850_000_000,
    "node": 850_000_000,
    "ruby": 750_000_000,
    "perl": 750_000_000,
    "debian": 40_000_000,
}


def check(subject: Subject) -> Iterator[Finding]:
    """One finding, at the FROM whose image is shipped."""
    for facts in shipped(subject)[:1]:
        found = image(facts.base)
        smaller = _smaller(found) if found else ""
        if not found or not smaller or (found.path == "eclipse-temurin" and _compiles(subject)):
            continue
        yield about(
            facts.steps[0],
            CODE,
            LEVEL,
            f"{found.path}:{found.tag} ships tools that most programs don't need at run time",
            hint=f"try {found.path}:{smaller}",
            cost=Cost(size=_SAVED.get(found.path, 150_000_000)),
        )


def _smaller(found: Image) -> str:
    """The tag of the smaller variant; empty if there is none, or none is known."""
    if not found.is_official:
        return ""
    if found.path == "eclipse-temurin":
        match = re.fullmatch(r"(\d+[\d.]*)-jdk(-\w+)?", found.tag)
        return f"{match[1]}-jre{match[2] or ''}" if match else ""
    match = re.fullmatch(rf"(\d+[\d.]*)(?:-({_DEBIANS}))?", found.tag)
    release = match[2] if match else None
    if found.path == "debian":
        named = re.fullmatch(_DEBIANS + r"|\d+(\.\d+)?", found.tag)
        return f"{found.tag}-slim" if named else ""
    if not match or found.path not in _SAVED:
        return ""
    if not release:
        return f"{match[1]}-slim"
    return f"{match[1]}-{release}-slim" if found.path == "node" else f"{match[1]}-slim-{release}"


def _compiles(subject: Subject) -> bool:
    kinds = {action.kind for facts in shipped(subject) for step in facts.steps for action in actions(step)}
    return Kind.BUILD in kinds
