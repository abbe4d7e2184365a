"""The engine's own records, from its `cache.db`, read while it runs.

Format: solver/bboltcachestorage/storage.go. `_links` holds a bucket per record, whose keys are the JSON of a
link, "@" and the child's id; `_result` holds a bucket per record with its results. Each change is a
transaction of its own and is in the file when BuildKit's call returns: a finished build is there at once.

A result is a reference to a worker's snapshot that garbage collection may have removed since; BuildKit finds
that out when it wants to use it (worker/cacheresult.go, cache/manager.go `getRecord`). We look where it
looks: `metadata_v2.db` of the worker names what is left, and `content/` which blobs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.keys.bbolt import BoltError, read_bolt
from fastbuild.keys.moments import unix_seconds
from fastbuild.keys.ops import record_key
from fastbuild.keys.records import Held, collect, newer
from fastbuild.keys.snapshots import Snapshots, read_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastbuild.keys.bbolt import Bucket
    from fastbuild.keys.records import Edge, Records

LABEL = "local"
_ROOTS = (b"sha256:", b"random:")
"""Records without inputs are named by their key (the second kind by a session's), others by chance."""


class StoreError(ValueError):
    """The engine's store can't be read: absent, damaged, or changing faster than it can be read."""


def read_store(path: Path) -> Records:
    """The records in `path`, an engine's `ROOT/cache.db`. Takes no lock; raises StoreError.

    What garbage collection removed has no result. Neither has what would need blobs from a remote cache: of
    a hit whose layers were never fetched, BuildKit remembers nothing that it can use without that cache.
    """
    try:
        # The records first: what is removed between the two readings is then missing, not promised.
        root = read_bolt(path)
        snapshots = read_snapshots(path.parent)
        ids = _bucket(root, b"_links")
        held = dict(_results(_bucket(root, b"_result"), snapshots))
        roots = [name.decode() for name, _ in ids.buckets() if name.startswith(_ROOTS)]
        return collect(LABEL, roots, _links(ids), held, own=True, blobs=snapshots.blobs)
    except (OSError, BoltError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: {error}") from error


def _bucket(root: Bucket, name: bytes) -> Bucket:
    found = root.bucket(name)
    if found is None:
        raise BoltError(f"no bucket {name.decode()}")
    return found


def _links(ids: Bucket) -> Iterator[tuple[Edge, str]]:
    known: dict[bytes, tuple[int, str, str] | None] = {}
    for parent, bucket in ids.buckets():
        for key, _ in bucket.items():
            link, _, child = key.partition(b"@")
            if link not in known:
                known[link] = _link(link)
            place = known[link]
            if place is not None:
                yield (parent.decode(), *place), child.decode()


def _link(text: bytes) -> tuple[int, str, str] | None:
    """Input, record key and selector; None for what BuildKit would never look for."""
    try:
        raw = json.loads(text)
        place, output = raw.get("Input", 0), raw.get("Output", 0)
        digest, selector = raw.get("Digest", ""), raw.get("Selector", "")
    except (ValueError, AttributeError, RecursionError):
        return None
    if type(place) is not int or type(output) is not int:
        return None
    if not isinstance(digest, str) or not isinstance(selector, str):
        return None
    return place, record_key(digest, output), selector


def _results(results: Bucket, snapshots: Snapshots) -> Iterator[tuple[str, Held]]:
    for name, bucket in results.buckets():
        best: Held | None = None
        for _, value in bucket.items():
            held = _held(value, snapshots)
            if held is not None:
                best = newer(best, held)
        if best is not None:
            yield name.decode(), best


def _held(value: bytes, snapshots: Snapshots) -> Held | None:
    try:
        raw: Any = json.loads(value)
        created, reference = unix_seconds(raw.get("CreatedAt")), raw.get("ID")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(reference, str):
        return None
    exists, top = snapshots.look(reference)
    return Held(created=created, top=top) if exists else None
