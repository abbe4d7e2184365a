"""Holding an image that would have been used to the one that was built instead."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.kept_images import read_parts
from fastbuild.cache.objects_api import MANIFEST_LIMIT, CacheReadError
from fastbuild.cache.objects_oci import parse_object, verified
from fastbuild.cache.objects_registry import refused
from fastbuild.cache.registry_client import Registry
from fastbuild.images.archive import blob_name, read_images
from fastbuild.images.compare import Difference, config_differences, differences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.cache.kept_images import Part
    from fastbuild.cache.objects_oci import Descriptor
    from fastbuild.pipeline.skip import Place

MOST = 512 * 2**20
"""Bytes of layers that are fetched to compare them."""
ATTESTATION = "vnd.docker.reference.type"


def is_due(print_: str, every: int) -> bool:
    """Whether the image with this fingerprint is one of those (one in `every`) that are built again once."""
    return every > 0 and int(print_[:12], 16) % every == 0


def compare(place: Place, kept: Sequence[Part], built: str, workdir: Path) -> tuple[Difference, ...]:
    """What differs between an image and the one with the digest `built`, in the same repository.

    Times don't count. Layers are fetched only where they are not the same ones. Raises CacheReadError where
    that can't be told, EngineError for layers that can't be read.
    """
    with Registry(place.repository, "pull") as registry:
        both = _Side(registry, kept), _Side(registry, read_parts(registry, built))
        one, other = both
        if one.configs.keys() != other.configs.keys():
            platforms = (" ".join(sorted(side.configs)) for side in both)
            return (Difference(path="", what="platforms", **dict(zip("ab", platforms, strict=True))),)
        if all(_layers(one.configs[it]) == _layers(other.configs[it]) for it in one.configs):
            pairs = ((one.configs[it], other.configs[it]) for it in one.configs)
            return tuple(found for pair in pairs for found in config_differences(*pair))
        folder = Path(tempfile.mkdtemp(prefix="compare-", dir=workdir))
        images = [read_images(side.fetch(folder, name)) for side, name in zip(both, "ab", strict=True)]
    return tuple(found for it in images[0] for found in differences(images[0][it], images[1][it]))


def _layers(config: Mapping[str, object]) -> object:
    root = config.get("rootfs")
    return root.get("diff_ids") if isinstance(root, dict) else None


class _Side:
    """One of the two images: its configurations by platform, and what to fetch of it."""

    def __init__(self, registry: Registry, parts: Sequence[Part]) -> None:
        self._registry = registry
        self._parts = [part for part in parts if not _attests(parts, part)]
        self._top = parts[0]
        self.configs: dict[str, Mapping[str, object]] = {}
        for part in self._parts:
            fields = parse_object(part.text, "the image's manifest")
            if "config" in fields:
                config = parse_object(self._blob(part.blobs[-1], MANIFEST_LIMIT), "the image's config")
                self.configs[_platform(config)] = config

    def _blob(self, blob: Descriptor, limit: int) -> bytes:
        answer = self._registry.ask("GET", f"blobs/{blob.digest}", limit=limit)
        if answer.status != 200:
            raise refused(self._registry, blob.digest, answer.status, "read")
        return verified(answer.body, blob.digest, "a part of the image")

    def fetch(self, folder: Path, name: str) -> Path:
        """The image as an OCI layout; blobs are shared between both sides."""
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        blobs = {blob.digest: blob for part in self._parts for blob in part.blobs}
        missing = [one for digest, one in blobs.items() if not (folder / blob_name(digest)).exists()]
        if sum(blob.size for blob in missing) > MOST:
            raise CacheReadError(
                "the images are not compared", cause=f"they differ in more than {MOST} bytes"
            )
        for part in self._parts:
            (folder / blob_name(part.digest)).write_bytes(part.text)
        for blob in missing:
            if not (folder / blob_name(blob.digest)).exists() and not self._is_attestation(blob):
                (folder / blob_name(blob.digest)).write_bytes(self._blob(blob, max(blob.size, 1)))
        layout = folder / name
        layout.mkdir()
        (layout / "blobs").symlink_to(folder / "blobs")
        (layout / "index.json").write_bytes(self._top.text)
        return layout

    def _is_attestation(self, blob: Descriptor) -> bool:
        """A manifest that is left out; others were written already."""
        return all(blob.digest != part.digest for part in self._parts) and "manifest" in blob.media_type


def _attests(parts: Sequence[Part], part: Part) -> bool:
    """Whether the index says of a manifest that it describes another one."""
    return any(
        entry.get("digest") == part.digest and ATTESTATION in (entry.get("annotations") or {})
        for each in parts
        for entry in json.loads(each.text).get("manifests") or ()
    )


def _platform(config: Mapping[str, object]) -> str:
    return "/".join(str(config[key]) for key in ("os", "architecture", "variant") if config.get(key))
