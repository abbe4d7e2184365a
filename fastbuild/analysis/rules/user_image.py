"""The base image belongs to a user of Docker Hub.

## What it finds
An image with a namespace but without a registry (`someone/python`), not pinned to a digest.

## Why
Such a name is whoever holds the account. Nobody reviews what is pushed there, and an account can be taken
over or given up.

## Example
```dockerfile
FROM someone/python:3.13
```
```dockerfile
FROM python:3.13-slim
```

## When this is wrong
For your own organisation's images and for publishers you trust. With a digest the rule is silent: the
content can't change.

## Fix safety
No fix.
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

CODE = "FB404"
LEVEL = Level.INFO

_DOCKERS_OWN = frozenset({"docker", "moby", "dockereng"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such image."""
    for step, reference, image in pulled(subject):
        owner, slash, _ = image.path.partition("/")
        if slash and not image.host and not image.digest and owner not in _DOCKERS_OWN:
            yield about(
                step,
                CODE,
                LEVEL,
                f"{reference} is what the Docker Hub account {owner} pushes",
                hint="use an official image, or pin the digest you have looked at",
            )
