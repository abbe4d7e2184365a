"""The vocabulary of caches: what a `--cache` value is, what becomes of it, how it was found to work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.names import CacheNames
    from fastbuild.request import CacheSpec


class Expansion(NamedTuple):
    """What a `--cache` value means for the engine: caches to read, in order, and to write."""

    imports: tuple[CacheSpec, ...]
    exports: tuple[CacheSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A `--cache` value taken apart: `s3://bucket/prefix?region=r` has path `bucket/prefix`.

    `options` are spelled as BuildKit spells them.
    """

    type: str
    path: str
    options: tuple[tuple[str, str], ...] = ()


class Backend(Protocol):
    """One kind of remote cache: a function from a location and names to specs."""

    def __call__(self, location: Location, names: CacheNames, environ: Mapping[str, str], /) -> Expansion:
        """The specs for `names`; raises UsageError for options that are unknown or missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """Reading and writing were tried and work; `note` is a remark or empty."""

    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnly:
    """Reading works, writing doesn't; `reason` names the cause and what mends it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Neither works; `reason` names the cause and what mends it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """This kind of cache can't be tried from here; `reason` says why."""

    reason: str


Health = Usable | ReadOnly | Unusable | Untried
