"""Which results of a worker still exist, and which of their blobs lie on this machine.

Sources: cache/metadata/metadata.go (buckets `_main` → id → attribute → {"value": …}), cache/metadata.go
(their names), cache/manager.go (`getRecord`, `parentsOf`), cache/refs.go (`isLazy`), worker/cacheresult.go
("worker::id").
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastbuild.keys.bbolt import read_bolt
from fastbuild.keys.records import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DELETED, _BLOB_ONLY, _BLOB, _SIZE = "cache.deleted", "cache.blobonly", "cache.blob", "cache.blobsize"
_PARENT, _MERGED, _IMAGES = "cache.parent", "cache.mergeParents", "cache.imageRefs"
_LOWER, _UPPER = "cache.lowerDiffParent", "cache.upperDiffParent"
_WANTED = frozenset({_DELETED, _BLOB_ONLY, _BLOB, _SIZE, _PARENT, _MERGED, _IMAGES, _LOWER, _UPPER})
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST_CHAIN = 1000
"""Parents of one snapshot; overlayfs ends at 500 layers."""

Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """What the workers of an engine hold."""

    workers: Mapping[str, Mapping[str, Attributes]]  # worker's id → snapshot's id → attributes
    blobs: frozenset[str]
    _seen: dict[str, tuple[bool, Layer | None]] = field(default_factory=dict)

    def look(self, reference: str) -> tuple[bool, Layer | None]:
        """Whether the result "worker::snapshot" can be used, and what of its base must be fetched for it."""
        worker, separator, snapshot = reference.partition("::")
        records = self.workers.get(worker)
        if records is None or not separator:
            return False, None
        if not snapshot:
            return True, None  # equal to nothing at all, as of a diff of two equal trees
        if reference not in self._seen:
            self._seen[reference] = self._walk(records, snapshot)
        return self._seen[reference]

    def _walk(self, records: Mapping[str, Attributes], snapshot: str) -> tuple[bool, Layer | None]:
        """Every ancestor must be there; a blob that isn't must be one of an image, whose registry has it."""
        todo, seen = [snapshot], set[str]()
        absent: list[tuple[str, int]] = []
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            record = records.get(name)
            if record is None or record.get(_DELETED) is True or len(seen) > _LONGEST_CHAIN:
                return False, None
            blob = record.get(_BLOB)
            if record.get(_BLOB_ONLY) is True and isinstance(blob, str) and blob and blob not in self.blobs:
                if not record.get(_IMAGES):
                    return False, None
                absent.append((blob, _bytes(record.get(_SIZE))))
            todo.extend(_parents(record))
        top: Layer | None = None
        for blob, size in reversed(absent):
            top = Layer(blob=blob, size=size, below=top)
        return True, top


def _bytes(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _parents(record: Attributes) -> Iterator[str]:
    parent = record.get(_PARENT)
    if isinstance(parent, str) and parent:
        yield parent
        return
    merged = record.get(_MERGED)
    for name in (*(merged if isinstance(merged, list) else ()), record.get(_LOWER), record.get(_UPPER)):
        if isinstance(name, str) and name:
            yield name


def read_snapshots(root: Path) -> Snapshots:
    """What the workers below an engine's root hold. Raises BoltError and OSError."""
    workers: dict[str, dict[str, Attributes]] = {}
    blobs: set[str] = set()
    for database in sorted(root.glob("*/metadata_v2.db")):
        folder = database.parent
        worker = (folder / "workerid").read_text().strip()
        workers[worker] = dict(_records(database))
        held = folder / "content/blobs/sha256"
        if held.is_dir():
            blobs.update(f"sha256:{name.name}" for name in held.iterdir() if _HEX.fullmatch(name.name))
    return Snapshots(workers=workers, blobs=frozenset(blobs))


def _records(database: Path) -> Iterator[tuple[str, Attributes]]:
    main = read_bolt(database).bucket(b"_main")
    for name, bucket in main.buckets() if main else ():
        attributes = {}
        for key, value in bucket.items():
            attribute = key.decode("utf-8", "replace")
            if value and attribute in _WANTED:
                attributes[attribute] = _value(value)
        yield name.decode("utf-8", "replace"), attributes


def _value(text: bytes) -> object:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return raw.get("value") if isinstance(raw, dict) else None
