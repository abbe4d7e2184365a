"""A `type=local` cache: an OCI layout directory, and our side file in it.

The side file is `fastbuild-side-<tag>` beside index.json, for the export's tag (`latest`). BuildKit looks
only at index.json, oci-layout, blobs/ and ingest/, and `reset=true` deletes only in blobs/; so what keeps the
directory (a CI's cache step, a copy) keeps both or neither.
https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbuild.cache.objects_api import (
    READ_SECONDS,
    SIDE_LIMIT,
    WRITE_SECONDS,
    CacheReadError,
    Manifest,
    Unreadable,
    check_side,
    within,
)
from fastbuild.cache.objects_oci import OCI_LIMIT, is_digest, parse_object, read_cache_image, verified

if TYPE_CHECKING:
    from fastbuild.request import CacheSpec

_TAGS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalObjects:
    """The cache in `folder` under `tag`, or the one with this `digest` if it isn't empty."""

    folder: Path
    tag: str = "latest"
    digest: str = ""

    @property
    def side_path(self) -> Path:
        """Where the side file lies."""
        plain = (
            self.tag
            if _PLAIN.fullmatch(self.tag)
            else hashlib.sha256(self.tag.encode(errors="surrogateescape")).hexdigest()
        )
        return self.folder / f"fastbuild-side-{plain}"

    def read_manifest(self) -> Manifest | None:
        """What an import of the directory would read; None when the directory or the tag isn't there."""
        return within(READ_SECONDS, f"reading the cache in {self.folder}", self._manifest)

    def read_side(self) -> bytes | None:
        """The side file of this tag; None when there is none."""
        what = f"reading {self.side_path}"
        return within(READ_SECONDS, what, lambda: _read(self.side_path, SIDE_LIMIT, os.O_NOFOLLOW))

    def write_side(self, data: bytes, manifest_digest: str) -> None:  # noqa: ARG002 (the data names it, too)
        """Replace the side file of this tag; the directory must be there."""
        check_side(data)
        within(WRITE_SECONDS, f"writing {self.side_path}", lambda: self._write(data))

    def _manifest(self) -> Manifest | None:
        digest, source = self.digest, self.folder / "index.json"
        if digest:
            source = self._blob(digest)
        else:
            text = _read(source, OCI_LIMIT)
            if text is None:
                return None
            digest = _tagged(parse_object(text, f"{source}"), self.tag)
            if not digest:
                return None
        return read_cache_image(
            verified(self._fetch(digest, OCI_LIMIT), digest, f"the manifest in {self.folder}"),
            self._fetch,
            # a blob that is the same again isn't written again; the index is
            modified=source.stat().st_mtime,
        )

    def _blob(self, digest: str) -> Path:
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _fetch(self, digest: str, limit: int) -> bytes:
        found = _read(self._blob(digest), limit)
        if found is None:
            raise CacheReadError(
                f"the cache in {self.folder} is incomplete",
                cause=f"{digest[:19]}… is missing",
                fix="the next export mends it",
            )
        return found

    def _write(self, data: bytes) -> None:
        from fastbuild.files import replace_file

        try:
            if self.side_path.is_symlink():
                # a directory restored from elsewhere must not choose what we write
                self.side_path.unlink()
            replace_file(self.side_path, data)
        except OSError as error:
            raise CacheReadError(f"{self.side_path} can't be written", cause=error.strerror or "") from None


def local_objects(spec: CacheSpec) -> LocalObjects | Unreadable:
    """From an import's `src` or an export's `dest`, with `tag` and `digest`."""
    place, digest = spec.get("dest") or spec.get("src"), spec.get("digest")
    if not place:
        return Unreadable("type=local: neither src nor dest is given")
    if digest and not is_digest(digest):
        return Unreadable("type=local: digest is not sha256:<64 digits>")
    return LocalObjects(folder=Path(place), tag=spec.get("tag", "latest"), digest=digest)


def _tagged(index: dict[str, Any], tag: str) -> str:
    """The digest under this tag, or empty; a full name goes before a tag, as in BuildKit."""
    entries = index.get("manifests")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    for key in _TAGS:
        for entry in found:
            notes = entry.get("annotations")
            if isinstance(notes, dict) and notes.get(key) == tag:
                digest = entry.get("digest")
                if isinstance(digest, str) and is_digest(digest):
                    return digest
                raise CacheReadError("index.json is broken", cause=f"the tag {tag} has no digest")
    return ""


def _read(path: Path, limit: int, flags: int = 0) -> bytes | None:
    """A whole file; None when it is absent. Raises CacheReadError for all else: a pipe, more than `limit`."""
    try:
        # without O_NONBLOCK a pipe would wait for a writer
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags), "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise CacheReadError(f"{path} is not a file")
            data = file.read(limit + 1) if info.st_size <= limit else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CacheReadError(f"{path} can't be read", cause=error.strerror or "") from None
    if data is None or len(data) > limit:
        raise CacheReadError(f"{path} is not read", cause=f"it has more than {limit} bytes")
    return data
