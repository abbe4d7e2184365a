"""BuildKit's cache manifest: the JSON that `type=s3`, `registry`, `local` and `inline` caches consist of.

Format: cache/remotecache/v1/types/types.go; meaning: parse.go and chains.go beside it (`parseRecord`,
`getRemoteChain`, `CacheChains.Add`); differences of S3: cache/remotecache/s3/s3.go. What BuildKit refuses
as a whole is refused here as a whole, because then it builds without that cache.

The file comes from a shared place, so its author is not trusted: sizes are bounded before anything is parsed,
nothing recurses, and what could cost more than linear time is counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.keys.manifest_chains import Chains, TooCostly
from fastbuild.keys.manifest_json import as_int, as_list, as_object, as_str, integer, refuse, time_of
from fastbuild.keys.records import Held, Layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fastbuild.keys.records import Records

MOST_BYTES = 32 << 20
"""BuildKit itself reads at most 1 MiB from a registry (cache/remotecache/import.go) and all of S3's file."""
MOST_VALUES = 250_000
"""Commas and brackets: a record has about eight and a build step two records, so this is 15,000 steps."""


class ManifestError(ValueError):
    """BuildKit would refuse this manifest, or it is larger than any real one."""


@dataclass(slots=True)
class _Reader:
    """A manifest while it is being read."""

    layers: list[tuple[str, int]]  # blob, index of the layer below or -1
    records: list[dict[str, Any]]
    sizes: Mapping[str, int]  # blobs that can be fetched
    tops: dict[int, Layer | None] = field(default_factory=dict)
    items: dict[int, int | None] = field(default_factory=dict)


def read_manifest(
    text: bytes, label: str, descriptors: Mapping[str, tuple[int, float | None]] | None = None
) -> Records:
    """The records of a manifest, under the name `label`. Raises ManifestError.

    Without `descriptors`, or with none, it is the S3 form, whose layers carry their sizes. In the registry,
    local and inline forms they stand in the OCI manifest: give digest → (bytes, Unix seconds or None); a
    record with a layer that isn't in there has no result, as for BuildKit.
    """
    try:
        config = as_object(_parse(text))
        layers = [as_object(raw) for raw in as_list(config.get("layers"))]
        reader = _Reader(
            layers=[(as_str(raw.get("blob")), as_int(raw.get("parent"))) for raw in layers],
            records=[as_object(raw) for raw in as_list(config.get("records"))],
            sizes=_offered(descriptors) if descriptors else _sizes(layers),
        )
        for raw in layers:
            _check_annotations(raw)
        return _chains(reader).records(label)
    except (ValueError, RecursionError, OverflowError, TooCostly) as error:
        raise ManifestError(str(error) or type(error).__name__) from error


def _parse(text: bytes) -> object:
    if len(text) > MOST_BYTES:
        raise ManifestError(f"it has more than {MOST_BYTES} bytes")
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise ManifestError(f"it has more than {MOST_VALUES} values")
    return json.loads(text.decode("utf-8", "replace"), parse_constant=refuse, parse_int=integer)


def _check_annotations(layer: dict[str, Any]) -> None:
    """The types, which Go checks even where nothing uses the values."""
    notes = as_object(layer.get("annotations"))
    as_str(notes.get("mediatype"))
    as_str(notes.get("diffid"))
    as_int(notes.get("size"))
    time_of(notes.get("createdat"))


def _offered(descriptors: Mapping[str, tuple[int, float | None]]) -> dict[str, int]:
    return {blob: max(size, 0) for blob, (size, _) in descriptors.items()}


def _sizes(layers: list[dict[str, Any]]) -> dict[str, int]:
    """Blob → bytes of the S3 form. Raises ValueError where the importer does: one bad layer spoils all."""
    sizes = {}
    for raw in layers:
        notes = as_object(raw.get("annotations"))
        if not as_str(notes.get("diffid")):
            raise ValueError("a layer has no diffID")
        sizes[as_str(raw.get("blob"))] = max(as_int(notes.get("size")), 0)
    return sizes


def _chains(reader: _Reader) -> Chains:
    """Add all records, each after those it links to."""
    chains = Chains()
    links = [_inputs(raw) for raw in reader.records]
    under_way: set[int] = set()
    for first in range(len(reader.records)):
        todo = [first]
        while todo:
            index = todo[-1]
            if index in reader.items:
                todo.pop()
                continue
            waiting = [] if index in under_way else _unknown(links[index], reader)
            if not waiting:
                reader.items[index] = _add(chains, reader, index, links[index])
            elif not under_way.isdisjoint(waiting):
                raise ValueError("records form a loop")
            under_way.add(index)
            todo.extend(waiting)
    return chains


def _unknown(links: list[list[tuple[int, str]]], reader: _Reader) -> list[int]:
    """The records among an operation's links that weren't added yet."""
    found: dict[int, None] = {}
    for alternatives in links:
        for index, _ in alternatives:
            if not 0 <= index < len(reader.records):
                raise ValueError(f"there is no record {index}")
            if index not in reader.items:
                found[index] = None
    return list(found)


def _inputs(raw: dict[str, Any]) -> list[list[tuple[int, str]]]:
    inputs = []
    for alternatives in as_list(raw.get("inputs")):
        links = [as_object(link) for link in as_list(alternatives)]
        if not links:
            raise ValueError("an input has no links")
        inputs.append([(as_int(link.get("link")), as_str(link.get("selector"))) for link in links])
    return inputs


def _add(chains: Chains, reader: _Reader, index: int, inputs: list[list[tuple[int, str]]]) -> int | None:
    raw = reader.records[index]
    held = _results(reader, raw)
    digest = as_str(raw.get("digest"))
    if digest.startswith("random:"):
        return None
    links = []
    for alternatives in inputs:
        resolved = []
        for place, selector in alternatives:
            item = reader.items.get(place)
            if item is None:  # itself, one that waits for it, or one of a session
                raise ValueError("a record links to one that can't be used")
            resolved.append((item, selector))
        links.append(resolved)
    return chains.add(digest, links, held)


def _results(reader: _Reader, raw: dict[str, Any]) -> list[Held]:
    held = []
    for result in map(as_object, as_list(raw.get("layers"))):
        top, created = _top(reader, as_int(result.get("layer"))), time_of(result.get("createdat"))
        if top is not None:
            held.append(Held(created=created, top=top))
    for chain in map(as_object, as_list(raw.get("chains"))):
        created, indexes = time_of(chain.get("createdat")), [as_int(n) for n in as_list(chain.get("layers"))]
        found, top = _listed(reader, indexes)
        if found:
            held.append(Held(created=created, top=top))
    return held


def _top(reader: _Reader, index: int) -> Layer | None:
    """The layer with all below it; None if a blob is not offered."""
    path: list[int] = []
    on_path: set[int] = set()
    below: Layer | None = None
    lost = False
    while index not in reader.tops:
        if not 0 <= index < len(reader.layers):
            raise ValueError(f"there is no layer {index}")
        if index in on_path:
            raise ValueError("layers form a loop")
        path.append(index)
        on_path.add(index)
        blob, parent = reader.layers[index]
        lost = blob not in reader.sizes
        if lost or parent == -1:
            break
        index = parent
    else:
        below = reader.tops[index]
        lost = below is None
    for place in reversed(path):
        blob = reader.layers[place][0]
        below = None if lost else Layer(blob=blob, size=reader.sizes[blob], below=below)
        reader.tops[place] = below
    return below


def _listed(reader: _Reader, indexes: list[int]) -> tuple[bool, Layer | None]:
    """An explicit list of layers, without those below them: whether all are offered, and the top one."""
    top: Layer | None = None
    for index in indexes:
        if not 0 <= index < len(reader.layers):
            raise ValueError(f"there is no layer {index}")
        blob = reader.layers[index][0]
        if blob not in reader.sizes:
            return False, None
        top = Layer(blob=blob, size=reader.sizes[blob], below=top)
    return True, top
