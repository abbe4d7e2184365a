"""The base image gets no updates any more.

## What it finds
Official images that are deprecated (`openjdk`, `centos`, `java`) and versions whose makers have ended
support.

## Why
Security holes found after that day stay open, package mirrors move away and builds begin to fail.

## Example
```dockerfile
FROM centos:7
```
```dockerfile
FROM rockylinux:9
```

## When this is wrong
When you pay for extended support. The table in this rule holds only dates that were certain when it was
written.

## Fix safety
No fix: a new major version is a change of the program's surroundings.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import pulled
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.analysis.bases import Image
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB405"
LEVEL = Level.WARNING

_DEPRECATED = {
    "centos": "no longer maintained; use rockylinux or almalinux",
    "openjdk": "deprecated by its makers; use eclipse-temurin",
    "java": "deprecated since 2016; use eclipse-temurin",
    "adoptopenjdk": "deprecated; use eclipse-temurin",
    "jenkins": "deprecated; use jenkins/jenkins",
    "vault": "deprecated; use hashicorp/vault",
    "consul": "deprecated; use hashicorp/consul",
}
_LAST_DEAD: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "python": (3, 9),  # October 2025
        "node": (18,),  # April 2025
        "alpine": (3, 18),  # May 2025
        "golang": (1, 22),  # February 2025
        "php": (8, 0),  # November 2023
        "ruby": (3, 1),  # March 2025
        "debian": (10,),  # June 2024
        "postgres": (12,),  # November 2024
        "fedora": (39,),  # November 2024
    }
)
"""The newest version that is surely out of support, and since when."""
_DEAD_TAGS = {
    "debian": ("buster", "stretch", "jessie", "wheezy"),
    "ubuntu": (
        *("14.04", "16.04", "18.04", "20.04", "trusty", "xenial", "bionic", "focal"),
        *("16.10", "17.04", "17.10", "18.10", "19.04", "19.10", "21.04", "21.10", "22.10", "23.04"),
    ),
}


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such image."""
    for step, reference, image in pulled(subject):
        why = _why(image)
        if why:
            yield about(
                step, CODE, LEVEL, f"{reference} is {why}", hint="move to a version that gets updates"
            )


def _why(image: Image) -> str:
    if not image.is_official:
        return ""
    if image.path in _DEPRECATED:
        return _DEPRECATED[image.path]
    if image.tag.partition("-")[0] in _DEAD_TAGS.get(image.path, ()):
        return "out of standard support"
    last = _LAST_DEAD.get(image.path, ())
    version = image.version[: len(last)]
    dead = bool(last) and len(version) == len(last) and version <= last
    older = bool(last) and len(image.version) == 1 and version < last[:1]
    return "not updated any more" if dead or older else ""
