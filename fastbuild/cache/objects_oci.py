"""A cache kept as an OCI image: which blob is BuildKit's cache config, and how large the layers are.

Three forms, all read by BuildKit's importer (cache/remotecache/import.go, v0.34.1): an image manifest whose
config is the cache config; an index whose entries are the blobs; and an ordinary image with an inline cache.
https://github.com/opencontainers/image-spec/blob/main/manifest.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastbuild.cache.objects_api import MANIFEST_LIMIT, CacheReadError, Manifest, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
OCI_LIMIT = 4 * 2**20
"""Bytes of a manifest; registries need not take larger ones.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
"""
IMPORT_LIMIT = 2**20
"""Bytes of a manifest or a cache config beyond which BuildKit's import fails."""
_INLINE = "moby.buildkit.cache.v0"
_CREATED = "buildkit/createdat"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_SIZE = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """One blob: its digest, bytes, media type, and when BuildKit made it (Unix seconds)."""

    digest: str
    size: int
    media_type: str
    created: float | None = None


def read_cache_image(
    text: bytes, fetch: Callable[[str, int], bytes], *, modified: float | None = None
) -> Manifest | None:
    """The cache that the manifest `text` leads to; None for an image without a cache.

    `fetch(digest, limit)` gives a blob, unverified. Raises CacheReadError for what is no cache or is broken.
    """
    fields = parse_object(text, "the cache's manifest")
    config, layers = _blobs(fields)
    if config is None and "manifests" in fields:
        raise CacheReadError(
            "the cache is an index of images",
            cause="inline caches of several platforms",
            fix="they can only be read by the engine",
        )
    if config is None:
        return _inline(text, fields, layers, fetch, modified)
    sizes: Sizes = {layer.digest: (layer.size, layer.created) for layer in layers}
    return Manifest(
        text=verified(fetch(config.digest, MANIFEST_LIMIT), config.digest, "the cache's config"),
        digest=digest_of(text),
        sizes=sizes,
        modified=modified,
        refused=_refused(max(len(text), config.size)),
    )


def _refused(size: int) -> str:
    if size <= IMPORT_LIMIT:
        return ""
    return f"BuildKit imports no cache config or manifest over 1 MiB, and this has {size} bytes"


def digest_of(data: bytes) -> str:
    """`sha256:…` of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def verified(data: bytes, digest: str, what: str) -> bytes:
    """`data`; raises CacheReadError when it isn't what its digest says."""
    if digest_of(data) != digest:
        raise CacheReadError(f"{what} is damaged", cause="it doesn't have its digest")
    return data


def is_digest(text: object) -> bool:
    """Whether it is `sha256:` and 64 digits, the only digests that caches use; safe in paths."""
    return isinstance(text, str) and bool(_DIGEST.fullmatch(text))


def parse_object(text: bytes, what: str) -> dict[str, Any]:
    """A JSON object; raises CacheReadError for anything else, also for hostile nesting."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CacheReadError(f"{what} is not a JSON object", cause="it is cut off or something else")
    return found


def descriptor(value: object) -> Descriptor:
    """From a manifest's JSON; raises CacheReadError when a field is missing or absurd."""
    fields = value if isinstance(value, dict) else {}
    digest, size, kind = (fields.get(key) for key in ("digest", "size", "mediaType"))
    if not (isinstance(digest, str) and is_digest(digest)) or type(size) is not int:
        raise CacheReadError("the cache's manifest is broken", cause="a blob without digest or size")
    if not 0 <= size < _MAX_SIZE:
        raise CacheReadError("the cache's manifest is broken", cause="a blob with an impossible size")
    notes = fields.get("annotations")
    created = notes.get(_CREATED) if isinstance(notes, dict) else None
    return Descriptor(
        digest=digest,
        size=size,
        media_type=kind if isinstance(kind, str) else "",
        created=parse_time(created),
    )


def parse_time(text: object) -> float | None:
    """Unix seconds of an RFC 3339 time; None for Go's zero time and for what is none."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _blobs(fields: dict[str, Any]) -> tuple[Descriptor | None, list[Descriptor]]:
    """The cache config (None where there is none) and the layers."""
    listed = fields.get("manifests", fields.get("layers"))
    blobs = [descriptor(item) for item in listed] if isinstance(listed, list) else []
    if "manifests" not in fields:
        config = descriptor(fields.get("config"))
        return (config if config.media_type == CACHE_CONFIG else None), blobs
    # of several, BuildKit takes the last
    configs = [blob for blob in blobs if blob.media_type == CACHE_CONFIG]
    return (configs[-1] if configs else None), [blob for blob in blobs if blob.media_type != CACHE_CONFIG]


def _inline(
    text: bytes,
    fields: dict[str, Any],
    layers: list[Descriptor],
    fetch: Callable[[str, int], bytes],
    modified: float | None,
) -> Manifest | None:
    """The cache inside an image's config, in the form of a cache config."""
    digest = descriptor(fields.get("config")).digest
    data = verified(fetch(digest, MANIFEST_LIMIT), digest, "the image's config")
    config = parse_object(data, "the image's config")
    held, root = config.get(_INLINE), config.get("rootfs")
    diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
    # the same test as the importer's, which then finds nothing
    if not isinstance(held, str) or not isinstance(diff_ids, list) or len(diff_ids) != len(layers):
        return None
    made = _history(config.get("history"), len(layers))
    chain = [{"blob": layer.digest, "parent": number - 1} for number, layer in enumerate(layers)]
    return Manifest(
        text=json.dumps({"layers": chain, "records": _records(held)}).encode(),
        digest=digest_of(text),
        sizes={layer.digest: (layer.size, time) for layer, time in zip(layers, made, strict=True)},
        modified=modified,
        refused=_refused(len(text)),
    )


def _records(held: str) -> list[Any]:
    try:
        records = json.loads(base64.b64decode(held, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        records = None
    if not isinstance(records, list):
        raise CacheReadError("the image's inline cache is damaged", cause="it is no list of records")
    return records


def _history(history: object, count: int) -> Sequence[float | None]:
    """When each layer was made; the history also has entries without a layer."""
    entries = history if isinstance(history, list) else []
    made = [
        parse_time(entry.get("created"))
        for entry in entries
        if isinstance(entry, dict) and not entry.get("empty_layer")
    ]
    return (made + [None] * count)[:count]
