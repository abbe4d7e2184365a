"""The records of one cache, whether they came from a manifest or from the engine's own store.

A record is what BuildKit knows about one result: the digest of its operation and, per input, links from the
records (or contents) that the input may have. Sources: solver/cachestorage.go, solver/cachemanager.go.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Edge = tuple[str, int, str, str]
"""Parent's id, input, record key of the child, selector ("" for content)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A blob on top of others. Results share their lower layers, so a long list of them stays small."""

    blob: str
    size: int  # bytes
    below: Layer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A result as a cache holds it."""

    created: float | None  # Unix seconds
    top: Layer | None  # None: nothing to fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result that a cache can give."""

    created: float | None  # Unix seconds
    layers: tuple[tuple[str, int], ...]  # blob digest, bytes; base first


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of one cache. Ids mean nothing outside of it."""

    label: str  # as CacheSpec.label, or "local"
    roots: frozenset[str]
    edges: Mapping[Edge, frozenset[str]]
    by_content: Mapping[tuple[int, str], frozenset[str]]
    """Input and record key → the records that some content of that input leads to."""
    by_any: Mapping[tuple[int, str], frozenset[str]]
    """Input and record key → the records that anything leads to."""
    held: Mapping[str, Held]
    """Per record the newest result; a record without one still lets its children be found."""
    own: bool = False
    """Whether the engine writes to it: its own store, not an import."""
    blobs: frozenset[str] = frozenset()
    """Layers that lie on this machine already."""

    def root(self, record_key: str) -> str | None:
        """The id of a record without inputs: of a source, or of a content."""
        return record_key if record_key in self.roots else None

    def children(self, parent: str, input: int, record_key: str, selector: str) -> frozenset[str]:
        """The ids of the records of an operation whose input is `parent`, seen through `selector`."""
        return self.edges.get((parent, input, record_key, selector), _NONE)

    def result(self, id: str) -> Result | None:
        """The newest result of a record, or None where only its key is known."""
        held = self.held.get(id)
        if held is None:
            return None
        layers: list[tuple[str, int]] = []
        layer = held.top
        while layer is not None:
            layers.append((layer.blob, layer.size))
            layer = layer.below
        return Result(created=held.created, layers=tuple(reversed(layers)))


_NONE: frozenset[str] = frozenset()


def collect(
    label: str,
    roots: Iterable[str],
    links: Iterable[tuple[Edge, str]],
    held: Mapping[str, Held],
    *,
    own: bool = False,
    blobs: frozenset[str] = frozenset(),
) -> Records:
    """Index the links (edge, child's id) of a cache."""
    known = frozenset(roots)
    edges: dict[Edge, set[str]] = defaultdict(set)
    content: dict[tuple[int, str], set[str]] = defaultdict(set)
    anything: dict[tuple[int, str], set[str]] = defaultdict(set)
    for edge, child in links:
        parent, place, key, selector = edge
        edges[edge].add(child)
        anything[place, key].add(child)
        if not selector and parent in known:
            content[place, key].add(child)
    return Records(
        label=label,
        roots=known,
        edges={edge: frozenset(ids) for edge, ids in edges.items()},
        by_content={place: frozenset(ids) for place, ids in content.items()},
        by_any={place: frozenset(ids) for place, ids in anything.items()},
        held=held,
        own=own,
        blobs=blobs,
    )


def newer(a: Held | None, b: Held) -> Held:
    """Of two results of one record the one that BuildKit takes: the newest (solver/exporter.go)."""
    if a is None:
        return b
    return b if (b.created is not None and (a.created is None or b.created > a.created)) else a
