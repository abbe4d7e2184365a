"""A whole `type=s3` cache: all names under one prefix. For the layout see `objects_s3`."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.cache.inventory import Blob, Inventory, Name, idle_from_json, idle_to_json, read_contents
from fastbuild.cache.objects_api import MANIFEST_LIMIT, SIDE_LIMIT, CacheReadError, Manifest
from fastbuild.cache.objects_oci import digest_of, is_digest
from fastbuild.cache.objects_s3 import SIDE_FOLDER
from fastbuild.cache.s3_bucket import Bucket, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.cache.inventory import Idle
    from fastbuild.cache.objects_s3 import S3Objects

OWN_FOLDER = "fastbuild/"
IDLE_KEY = "fastbuild/idle-blobs.json"
AT_ONCE = 8
"""Requests at a time."""
_SNIFFED = 16
_MOST_SNIFFED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """All names in `cache`'s bucket under its prefix. `blobs_prefix` as in BuildKit's option."""

    cache: S3Objects
    blobs_prefix: str = "blobs/"

    @property
    def bucket(self) -> Bucket:
        """Its objects one by one."""
        return Bucket(self.cache)

    @property
    def label(self) -> str:
        """Where it lies."""
        return f"s3://{self.cache.bucket}/{self.cache.prefix}"

    def read(self) -> Inventory:
        """All of it: manifests first, blobs after them."""
        prefix, manifests = self.cache.prefix, f"{self.cache.prefix}{self.cache.manifests_prefix}"
        now, entries = self.bucket.entries(manifests)
        sides = {each.key: each for each in self.bucket.entries(f"{prefix}{SIDE_FOLDER}")[1]}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(functools.partial(self._name, sides=sides), entries)
            names = tuple(name for name in found if name)
        rest = self.bucket.entries(prefix)[1]
        blobs = {each.key: blob for each in rest if (blob := self._blob(each))}
        own = (manifests, f"{prefix}{OWN_FOLDER}")
        foreign = [each for each in rest if each.key not in blobs and not each.key.startswith(own)]
        adopted, unread = self._elsewhere(foreign)
        beside = {self._side_key(name.name) for name in names}
        return Inventory(
            label=self.label,
            now=now,
            names=names,
            blobs=blobs,
            lone_sides={key: each.modified for key, each in sides.items() if key not in beside},
            adopted=adopted,
            unread_elsewhere=unread,
            idle=self._idle(),
            foreign=tuple(each.key for each in foreign),
        )

    def digest_of(self, key: str) -> str | None:
        """`sha256:…` of what lies under a key; None when nothing does."""
        return self.bucket.hash(key)

    def size_of(self, key: str) -> int | None:
        """Bytes of what lies under a key now; None when nothing does."""
        found = self.bucket.head(key)
        return found.size if found else None

    def drop(self, name: Name) -> bool:
        """Delete a manifest, then its side file; False when it has changed since it was read."""
        found = self.bucket.head(name.key)
        if found is None or found.modified != name.modified:
            return False
        self.bucket.delete(name.key)
        self.bucket.delete(self._side_key(name.name))
        return True

    def sweep(self, blobs: Sequence[Blob]) -> frozenset[str]:
        """Delete blobs that were not written since they were read; returns the keys of those that went."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            gone = list(pool.map(self.discard, blobs))
        return frozenset(blob.key for blob, went in zip(blobs, gone, strict=True) if went)

    def discard(self, blob: Blob) -> bool:
        """Delete a blob that was not written since it was read."""
        # an export that wants an old blob writes it anew before it names it
        found = self.bucket.head(blob.key)
        if found is None or found.modified != blob.modified:
            return False
        self.bucket.delete(blob.key)
        return True

    def delete_side(self, key: str) -> None:
        """Delete a side file whose manifest is gone."""
        self.bucket.delete(key)

    def remember(self, idle: Mapping[str, Idle]) -> None:
        """Keep what was found without a manifest beside the cache."""
        self.bucket.put(f"{self.cache.prefix}{IDLE_KEY}", idle_to_json(idle))

    def _side_key(self, name: str) -> str:
        return f"{self.cache.prefix}{SIDE_FOLDER}{self.cache.manifests_prefix}{name}"

    def _blob_key(self, digest: str) -> str:
        return f"{self.cache.prefix}{self.blobs_prefix}{digest}"

    def _blob(self, entry: Entry) -> Blob | None:
        digest = entry.key.removeprefix(self._blob_key(""))
        if not is_digest(digest):
            return None
        return Blob(key=entry.key, digest=digest, size=entry.size, modified=entry.modified)

    def _name(self, entry: Entry, sides: Mapping[str, Entry]) -> Name | None:
        """One manifest with its side file; None when it went while we looked."""
        plain = entry.key.removeprefix(f"{self.cache.prefix}{self.cache.manifests_prefix}")
        bare = Name(name=plain, key=entry.key, modified=entry.modified)
        try:
            text = self.bucket.get(entry.key, MANIFEST_LIMIT)
            if text is None:
                return None
            key = self._side_key(plain)
            side = self.bucket.get(key, SIDE_LIMIT) if key in sides else None
        except CacheReadError as error:
            return replace(bare, problem=error.sentence)
        manifest = Manifest(text=text, digest=digest_of(text), sizes={})
        contents, problem = read_contents(manifest, self._blob_key, sized=True)
        return replace(bare, digest=manifest.digest, side=side, contents=contents, problem=problem)

    def _elsewhere(self, foreign: Sequence[Entry]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Blobs that manifests elsewhere below the prefix name (those of another manifests_prefix), and the
        keys of those that can't be read."""
        asked = [e for e in foreign if e.size >= _SNIFFED and "/sha256:" not in e.key]
        if len(asked) > _MOST_SNIFFED:
            raise CacheReadError(
                f"{self.label} holds {len(asked)} objects that are not a cache's",
                cause="it is not the prefix of a cache alone",
                fix="name the cache's own prefix",
            )
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(self._layers_elsewhere, asked))
        unread = (entry.key for entry, layers in zip(asked, found, strict=True) if layers is None)
        return frozenset().union(*(layers for layers in found if layers)), tuple(unread)

    def _layers_elsewhere(self, entry: Entry) -> frozenset[str] | None:
        """Keys of the blobs that a manifest names; none for what is no manifest, None for one not read."""
        start = self.bucket.get(entry.key, _SNIFFED, Range=f"bytes=0-{_SNIFFED - 1}") or b""
        if not start.startswith((b'{"layers"', b'{"records"')):
            return frozenset()
        if entry.size > MANIFEST_LIMIT:
            return None
        manifest = Manifest(text=self.bucket.get(entry.key, MANIFEST_LIMIT) or b"", digest="", sizes={})
        contents, problem = read_contents(manifest, self._blob_key, sized=True)
        return None if problem else frozenset(contents.layers)

    def _idle(self) -> dict[str, Idle]:
        return idle_from_json(self.bucket.get(f"{self.cache.prefix}{IDLE_KEY}", MANIFEST_LIMIT) or b"")
