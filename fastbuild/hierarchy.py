"""Which path lies above which, by the text alone: normalised paths with `/`, all absolute or all relative."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def covers(tree: str, path: str) -> bool:
    """Whether `path` is `tree` or below it; `/` covers every absolute path."""
    return path == tree or path.startswith(tree.rstrip("/") + "/")


def overlaps(one: str, other: str) -> bool:
    """Whether one of the two is the other or below it."""
    return covers(one, other) or covers(other, one)


def ancestors(path: str) -> Iterator[str]:
    """The directories above `path`, nearest first, without `/`."""
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path
