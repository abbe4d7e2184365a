"""Names of caches taken apart: which branch they are of, and which of them are of branches that are gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.cache.names import sibling

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLUG = re.compile(r"[a-z0-9.-]+")
_NO_BRANCHES = ("tags:", "detached:", "local")
"""What `names.derive` puts in a branch's place; their names are no branch's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParts:
    """`repository/target/platform/branch`, as slugs: a branch that is no slug ends in a hash."""

    repository: str
    target: str
    platform: str
    branch: str


def take_apart(name: str) -> NameParts | None:
    """The parts of a name that `names.derive` made; None for one that was chosen by hand."""
    parts = name.split("/")
    if len(parts) < 4 or not all(_SLUG.fullmatch(part) for part in parts):
        return None
    target, platform, branch = parts[-3:]
    return NameParts(repository="/".join(parts[:-3]), target=target, platform=platform, branch=branch)


def of_branches(names: Iterable[str], branches: Iterable[str]) -> frozenset[str]:
    """Those of `names` that are of one of these branches, in any repository."""
    slugs = _slugs(branches)
    return frozenset(name for name in names if (parts := take_apart(name)) and parts.branch in slugs)


def of_dead_branches(names: Iterable[str], repository: str, living: Iterable[str]) -> frozenset[str]:
    """Those of `names` that are of this repository and of a branch that isn't living."""
    slugs = _slugs((*living, *_NO_BRANCHES))
    found = ((name, take_apart(name)) for name in names)
    return frozenset(
        n for n, parts in found if parts and parts.repository == repository and parts.branch not in slugs
    )


def _slugs(branches: Iterable[str]) -> frozenset[str]:
    return frozenset(sibling("any/name", branch).rpartition("/")[2] for branch in branches)
