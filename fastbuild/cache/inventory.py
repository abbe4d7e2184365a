"""What lies in a whole remote cache: names with their manifests, blobs, and what isn't ours.

A blob is known by its key: the object's key in S3, the path in a directory. So two directories that hold the
same bytes hold two blobs, which is what they cost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fastbuild.keys.manifest import ManifestError, read_manifest
from fastbuild.keys.manifest_json import as_int, as_list, as_object, as_str

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastbuild.cache.objects_api import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A blob as it lies there: `size` in bytes, `modified` in Unix seconds.

    `modified` is None for one that is not ours to delete, for what keeps it is not known.
    """

    key: str
    digest: str
    size: int
    modified: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a manifest says. `layers`: blob's key → its digest and the bytes it should have.

    `makers`: blob's key → the digests of the records whose result ends with it. `base`: blobs that lie below
    every result, so that they came with an image. `results` counts the records that have one.
    """

    layers: Mapping[str, tuple[str, int]]
    makers: Mapping[str, frozenset[str]]
    base: frozenset[str]
    records: tuple[str, ...]
    results: int


EMPTY = Contents(layers={}, makers={}, base=frozenset(), records=(), results=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One manifest. `key` is where it lies, `side` the bytes of our file beside it.

    `problem` says why it can't be read, or why BuildKit would refuse it; what it refers to is not known then.
    """

    name: str
    key: str
    digest: str = ""
    modified: float | None = None
    side: bytes | None = field(default=None, repr=False)
    contents: Contents = EMPTY
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """A blob that no manifest named at `seen`; it was last written at `modified`. Unix seconds."""

    seen: float
    modified: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A whole cache. `now` is the storage's clock, before the first look.

    `lone_sides` are side files whose manifest is gone, by key, with the time they were written. `adopted` are
    blobs that other manifests below the prefix name, which are not among `names`; `unread_elsewhere` are keys
    of those that can't be read. `idle` is what earlier
    looks have found without a manifest, by blob's key. `foreign` are keys of what is not ours.
    """

    label: str
    now: float
    names: tuple[Name, ...]
    blobs: Mapping[str, Blob]
    lone_sides: Mapping[str, float] = field(default_factory=dict)
    adopted: frozenset[str] = frozenset()
    unread_elsewhere: tuple[str, ...] = ()
    idle: Mapping[str, Idle] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()

    @property
    def orphans(self) -> tuple[Blob, ...]:
        """Blobs that no manifest names."""
        held = self.adopted.union(*(name.contents.layers for name in self.names))
        return tuple(blob for key, blob in sorted(self.blobs.items()) if key not in held)

    @property
    def unread(self) -> tuple[str, ...]:
        """Keys of manifests that can't be read: what they refer to could be anything."""
        return (*(name.key for name in self.names if name.problem), *self.unread_elsewhere)


class Store(Protocol):
    """A whole cache that can be looked through and changed. Each method raises CacheReadError."""

    def read(self) -> Inventory:
        """All of it: manifests first, blobs after them."""

    def digest_of(self, key: str) -> str | None:
        """`sha256:…` of what lies under a key, read to its end; None when nothing does."""

    def size_of(self, key: str) -> int | None:
        """Bytes of what lies under a key now; None when nothing does."""

    def drop(self, name: Name) -> bool:
        """Delete a manifest and its side file; False when it has changed since it was read."""

    def sweep(self, blobs: Sequence[Blob]) -> frozenset[str]:
        """Delete blobs that were not written since they were read; returns the keys of those that went."""

    def discard(self, blob: Blob) -> bool:
        """Delete a blob whose bytes are not what its name says; False when that changed meanwhile."""

    def delete_side(self, key: str) -> None:
        """Delete a side file whose manifest is gone."""

    def remember(self, idle: Mapping[str, Idle]) -> None:
        """Keep what was found without a manifest, for the next `read`."""


def idle_to_json(idle: Mapping[str, Idle]) -> bytes:
    """For `idle_from_json`."""
    blobs = {key: [each.seen, each.modified] for key, each in sorted(idle.items())}
    return json.dumps({"version": 1, "blobs": blobs}).encode()


def idle_from_json(text: bytes) -> dict[str, Idle]:
    """What was remembered. Nothing if it is damaged: to wait once more is always safe."""
    try:
        blobs = json.loads(text)["blobs"]
        return {str(key): Idle(seen=float(s), modified=float(m)) for key, (s, m) in blobs.items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return {}


def read_contents(manifest: Manifest, key_of: Callable[[str], str], *, sized: bool) -> tuple[Contents, str]:
    """What a manifest says, and the problem with it or an empty text.

    `key_of` gives a blob's key from its digest. `sized`: sizes stand in the manifest's own text (S3).
    """
    if manifest.refused:
        return EMPTY, f"BuildKit does not import it: {manifest.refused}"
    try:
        read_manifest(manifest.text, "", None if sized else manifest.sizes)
    except ManifestError as error:
        return EMPTY, f"BuildKit does not import it: {error}"
    fields = as_object(json.loads(manifest.text.decode("utf-8", "replace")))
    layers = [as_object(raw) for raw in as_list(fields.get("layers"))]
    records = [as_object(raw) for raw in as_list(fields.get("records"))]
    blobs = [as_str(layer.get("blob")) for layer in layers]
    sizes = [as_int(as_object(layer.get("annotations")).get("size")) for layer in layers]
    if not sized:
        sizes = [manifest.sizes.get(blob, (0, None))[0] for blob in blobs]
    keys = [key_of(blob) for blob in blobs]
    makers, base = _makers([as_int(layer.get("parent")) for layer in layers], records)
    found = Contents(
        layers={key: (blob, size) for key, blob, size in zip(keys, blobs, sizes, strict=True)},
        makers=_by_key(keys, makers),
        base=frozenset(keys[index] for index in base),
        records=tuple(as_str(record.get("digest")) for record in records),
        results=sum(1 for record in records if record.get("layers") or record.get("chains")),
    )
    return found, ""


def _by_key(keys: Sequence[str], makers: Mapping[int, set[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for index, digests in makers.items():
        found.setdefault(keys[index], set()).update(digests)
    return {key: frozenset(digests) for key, digests in found.items()}


def _makers(
    parents: Sequence[int], records: Sequence[Mapping[str, object]]
) -> tuple[dict[int, set[str]], set[int]]:
    """Layer's number → records whose result ends with it; and the layers below every such one."""
    tops: dict[int, set[str]] = {}
    for record in records:
        digest = as_str(record.get("digest"))
        for result in map(as_object, as_list(record.get("layers"))):
            tops.setdefault(as_int(result.get("layer")), set()).add(digest)
    base: set[int] = set()
    for start in range(len(parents)):
        path: dict[int, None] = {}
        index = start
        # layers that no result needs may form a loop, or lead nowhere
        while index not in tops and index not in base and index not in path and 0 <= index < len(parents):
            path[index] = None
            index = parents[index]
        if index == -1 or index in base:
            base.update(path)
    return tops, base
