"""What the caches of a build hold, read without an engine: records, and the side file beside them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.cache.objects import CacheReadError, Unreadable, objects_for
from fastbuild.keys.manifest import ManifestError, read_manifest
from fastbuild.keys.store import LABEL, StoreError, read_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.cache.credentials import Credentials
    from fastbuild.keys.records import Records
    from fastbuild.request import CacheSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRead:
    """One cache as it was found. Without `records` it holds nothing for this build: `problem` says why.

    `absent`: nothing was ever written under its name. `manifest` is the digest of what was read. `side` is
    the side file beside it, None if there is none or it was not asked for.
    """

    label: str
    records: Records | None = None
    manifest: str = ""
    side: bytes | None = None
    problem: str = ""
    absent: bool = False

    @property
    def unseen(self) -> bool:
        """Whether it may hold results that the engine sees and we don't."""
        return self.records is None and not self.absent and not self.manifest


def read_cache(
    spec: CacheSpec, credentials: Credentials | None, environ: Mapping[str, str], *, side: bool = False
) -> CacheRead:
    """Read a remote cache, and with `side` the file beside it. Raises nothing."""
    objects = objects_for(spec, credentials, environ)
    label = spec.label
    if isinstance(objects, Unreadable):
        return CacheRead(label=label, problem=f"cache: {label} can't be looked into: {objects.reason}")
    try:
        manifest = objects.read_manifest()
        if manifest is None:
            left = objects.read_side() if side else None  # of a cache that was removed
            return CacheRead(label=label, side=left, problem=f"cache: {label} holds nothing yet", absent=True)
        if manifest.refused:
            said = f"cache: BuildKit does not import {label}: {manifest.refused}"
            return CacheRead(label=label, manifest=manifest.digest, problem=said)
        sizes = manifest.sizes if spec.type != "s3" else None
        return CacheRead(
            label=label,
            records=read_manifest(manifest.text, label, sizes),
            manifest=manifest.digest,
            side=objects.read_side() if side else None,
        )
    except CacheReadError as error:
        return CacheRead(label=label, problem=f"cache: {error.sentence}")
    except ManifestError as error:
        return CacheRead(label=label, problem=f"cache: {label} is not understood: {error}")


def read_own(root: Path | None) -> CacheRead:
    """Read the engine's own store, `root` being BuildKit's directory where that is ours. Raises nothing."""
    if root is None:
        said = "cache: the engine's own store can't be read from here; only remote caches are counted"
        return CacheRead(label=LABEL, problem=said)
    if not (root / "cache.db").exists():
        return CacheRead(label=LABEL, absent=True)
    try:
        return CacheRead(label=LABEL, records=read_store(root / "cache.db"))
    except StoreError as error:
        return CacheRead(label=LABEL, problem=f"cache: the engine's own store can't be read: {error}")


def copy_store(root: Path, folder: Path) -> Path | None:
    """What `read_own` reads of an engine's directory, copied into `folder`; None where that failed."""
    try:
        folder.mkdir()
        shutil.copyfile(root / "cache.db", folder / "cache.db")
        for worker in root.glob("*/metadata_v2.db"):
            copy = folder / worker.parent.name
            copy.mkdir()
            shutil.copyfile(worker, copy / worker.name)
            shutil.copyfile(worker.with_name("workerid"), copy / "workerid")
            (copy / "content").symlink_to(worker.with_name("content"))
    except OSError:
        return None
    return folder
