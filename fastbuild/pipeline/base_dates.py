"""The dates of base images, from what the engine has fetched of them: nothing is asked of a registry.

To resolve a FROM, BuildKit fetches the image's manifest and config into its content store, which is
containerd's: a file per blob, named by its digest. `created` in the config is when the image was made.
https://github.com/opencontainers/image-spec/blob/main/config.md
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fastbuild.keys.graph import Graph

MOST_BYTES = 4 << 20
"""Of a manifest, an index or a config: registries need not take larger manifests."""
FIRST_IMAGE = datetime.fromisoformat("2013-01-01T00:00:00+00:00").timestamp()
"""Dates before any image was made stand for none: builds that are to be repeatable set such."""
_PINNED = re.compile(r"docker-image://[^@]+@(sha256:[0-9a-f]{64})", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def base_dates(graph: Graph, root: Path | None) -> dict[str, float]:
    """Unix seconds by the digest that a base image has in the graph; those that aren't known are missing.

    `root` is BuildKit's directory, None where that isn't ours to read.
    """
    found: dict[str, float] = {}
    for op in graph.ops if root is not None else ():
        pinned = _PINNED.fullmatch(str(op.body.get("identifier", ""))) if op.kind == "source" else None
        if pinned and root is not None and pinned[1] not in found:
            dates = set(_dates(pinned[1], op.platform[:2], list(root.glob("*/content/blobs/sha256"))))
            if len(dates) == 1:
                found[pinned[1]] = dates.pop()
    return found


def _dates(digest: str, platform: tuple[str, ...], stores: list[Path]) -> Iterable[float]:
    """Of the manifest with this digest, or of those for the platform that an index leads to."""
    manifest = _read(digest, stores)
    for entry in _objects(manifest.get("manifests")):
        made_for = entry.get("platform")
        made_for = made_for if isinstance(made_for, dict) else {}
        if (made_for.get("os"), made_for.get("architecture")) == platform:
            yield from _date(_read(entry.get("digest"), stores), stores)
    yield from _date(manifest, stores)


def _date(manifest: dict[str, Any], stores: list[Path]) -> Iterable[float]:
    config = manifest.get("config")
    written = _read(config.get("digest"), stores).get("created") if isinstance(config, dict) else None
    try:
        moment = datetime.fromisoformat(written).timestamp() if isinstance(written, str) else 0.0
    except (ValueError, OverflowError):
        return
    if moment > FIRST_IMAGE:
        yield moment


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _read(digest: object, stores: list[Path]) -> dict[str, Any]:
    """A blob's JSON object; empty where it isn't there, or isn't what its name says."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return {}
    for store in stores:
        try:
            with (store / digest.removeprefix("sha256:")).open("rb") as file:
                data = file.read(MOST_BYTES)
            raw = json.loads(data) if f"sha256:{hashlib.sha256(data).hexdigest()}" == digest else None
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(raw, dict):
            return raw
    return {}
