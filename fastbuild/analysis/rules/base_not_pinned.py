"""A base image's tag is not pinned to a digest.

## What it finds
An image with a version tag but without `@sha256:…`.

## Why
Tags move: a rebuilt `python:3.13-slim` has a new digest, and every step on it runs again. With a digest you
choose the day. And nobody can push other content under it.

## Example
```dockerfile
FROM python:3.13-slim
```
```dockerfile
FROM python:3.13-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000
```

## When this is wrong
When you want each build to take the newest patches at the cost of the cache.

## Fix safety
No fix: only the registry knows the digest (`docker buildx imagetools inspect` prints it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import pulled
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB402"
LEVEL = Level.INFO


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each image with a tag and no digest."""
    for step, reference, image in pulled(subject):
        if not image.digest and image.tag not in ("", "latest"):
            yield about(
                step,
                CODE,
                LEVEL,
                f"the tag {reference} can move, and then every step on it runs again",
                hint="add the digest it has today: `name:tag@sha256:…`",
            )
