"""A base image without a version.

## What it finds
FROM, `COPY --from` or `RUN --mount=from` of an image with no tag or with `latest`, and without a digest.

## Why
Whoever pushes the image decides when your build changes. The key of FROM is the digest that the tag has at
that moment, so a push makes every step run again, and a new major version may break the build on a day when
nobody changed anything.

## Example
```dockerfile
FROM node
COPY --from=busybox:latest /bin/busybox /bin/busybox
```
```dockerfile
FROM node:22-slim
COPY --from=busybox:1.37 /bin/busybox /bin/busybox
```

## When this is wrong
For images of your own that are rebuilt together with this one.

## Fix safety
No fix: only you know which version is meant.
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

CODE = "FB401"
LEVEL = Level.WARNING


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such image."""
    for step, reference, image in pulled(subject):
        if not image.digest and image.tag in ("", "latest"):
            yield about(
                step,
                CODE,
                LEVEL,
                f"{reference} is whatever was pushed last",
                hint="name a version, or add a digest",
            )
