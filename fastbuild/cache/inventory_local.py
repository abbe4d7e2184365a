"""A whole `--cache local:DIR`: a directory of OCI layouts, one for each name. See `objects_local`.

An export that finds a blob doesn't touch it, so nothing tells an old blob from one that an export is about
to name. Therefore blobs of a living name are left to its next export (`reset=true` deletes them), and a name
that was dropped goes as a whole: its index is put aside, and later the directory is moved away at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.inventory import Blob, Inventory, Name, idle_from_json, idle_to_json, read_contents
from fastbuild.cache.objects_api import CacheReadError
from fastbuild.cache.objects_local import LocalObjects
from fastbuild.cache.objects_oci import is_digest
from fastbuild.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastbuild.cache.inventory import Idle

IDLE_FILE = ".fastbuild-idle-blobs.json"
DROPPED = "fastbuild-dropped-index.json"
"""What index.json is called once its name was dropped."""
_GONE = ".fastbuild-gone-"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStore:
    """All names in `folder`; `tag` as in BuildKit's option, `name_of` turns a directory's name into ours."""

    folder: Path
    name_of: Callable[[str], str]
    tag: str = "latest"

    @property
    def label(self) -> str:
        """Where it lies."""
        return f"local:{self.folder}"

    def read(self) -> Inventory:
        """All of it: manifests first, blobs after them."""
        with _readable(self.folder):
            now, idle = time.time(), self._idle()
            folders = sorted(each for each in self._entries() if each.is_dir() and not each.is_symlink())
            ours = [each for each in folders if (each / "index.json").exists() or (each / DROPPED).exists()]
            found = (self._name(each) for each in ours if (each / "index.json").exists())
            names = tuple(name for name in found if name)
            blobs = {blob.key: blob for each in ours for blob in self._blobs(each)}
            foreign = [str(each) for each in self._entries() if each not in ours]
        return Inventory(
            label=self.label,
            now=now,
            names=names,
            blobs=blobs,
            adopted=frozenset(key for name in names for key in _framing(name)),
            idle=idle,
            foreign=tuple(key for key in sorted(foreign) if Path(key).name != IDLE_FILE),
        )

    def digest_of(self, key: str) -> str | None:
        """`sha256:…` of a file; None when there is none."""
        with _readable(Path(key)), contextlib.suppress(FileNotFoundError), Path(key).open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return None

    def size_of(self, key: str) -> int | None:
        """A file's bytes; None when there is none."""
        with _readable(Path(key)), contextlib.suppress(FileNotFoundError):
            return Path(key).stat().st_size
        return None

    def drop(self, name: Name) -> bool:
        """Put the index aside and delete the side file; False when the index has changed."""
        index = Path(name.key)
        with _readable(index):
            if not index.exists() or index.stat().st_mtime != name.modified:
                return False
            aside = index.with_name(DROPPED)
            index.replace(aside)
            os.utime(aside)
            LocalObjects(folder=index.parent, tag=self.tag).side_path.unlink(missing_ok=True)
        return True

    def sweep(self, blobs: Sequence[Blob]) -> frozenset[str]:
        """Remove the directories of dropped names, all of whose blobs are given."""
        by_folder: dict[Path, set[str]] = {}
        for blob in blobs:
            by_folder.setdefault(_home(Path(blob.key)), set()).add(blob.key)
        gone: set[str] = set()
        for folder, keys in by_folder.items():
            with _readable(folder):
                if keys == {str(path) for path in _files(folder)} and self._removed(folder):
                    gone |= keys
        return frozenset(gone)

    def discard(self, blob: Blob) -> bool:
        """Delete a blob whose bytes are not what its name says."""
        with _readable(Path(blob.key)):
            Path(blob.key).unlink(missing_ok=True)
        return True

    def delete_side(self, key: str) -> None:
        """Side files go with their index."""

    def remember(self, idle: Mapping[str, Idle]) -> None:
        """Keep what was found without a manifest in the directory."""
        with _readable(self.folder):
            replace_file(self.folder / IDLE_FILE, idle_to_json(idle))

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def _idle(self) -> dict[str, Idle]:
        with contextlib.suppress(FileNotFoundError):
            return idle_from_json((self.folder / IDLE_FILE).read_bytes())
        return {}

    def _name(self, folder: Path) -> Name | None:
        """One layout with its side file; None when it holds nothing under the tag."""
        objects, index = LocalObjects(folder=folder, tag=self.tag), folder / "index.json"
        bare = Name(name=self.name_of(folder.name), key=str(index), modified=index.stat().st_mtime)
        try:
            manifest, side = objects.read_manifest(), objects.read_side()
        except CacheReadError as error:
            return replace(bare, problem=error.sentence)
        if manifest is None:
            return None
        contents, problem = read_contents(
            manifest, lambda digest: str(_blob_path(folder, digest)), sized=False
        )
        return replace(bare, digest=manifest.digest, side=side, contents=contents, problem=problem)

    def _blobs(self, folder: Path) -> Iterator[Blob]:
        """Blobs that hold layers; those of a living name are not ours to delete."""
        lives = (folder / "index.json").exists()
        since = 0.0 if lives else (folder / DROPPED).stat().st_mtime
        for path in _files(folder):
            digest, info = f"sha256:{path.name}", path.stat()
            when = None if lives else max(info.st_mtime, since)
            if is_digest(digest):
                yield Blob(key=str(path), digest=digest, size=info.st_size, modified=when)

    def _removed(self, folder: Path) -> bool:
        """Move the directory away at once, so that an export can't write to half of it; then delete it."""
        gone = self.folder / f"{_GONE}{uuid.uuid4().hex}"
        folder.replace(gone)
        if (gone / "index.json").exists():  # an export has just ended
            gone.replace(folder)
            return False
        shutil.rmtree(gone)
        return True


def _framing(name: Name) -> Iterator[str]:
    """Keys of the blobs that the index leads to and that hold no layer: the manifest and the config."""
    folder = Path(name.key).parent
    manifest = _blob_path(folder, name.digest)
    if name.digest and manifest.exists():
        yield str(manifest)
        for digest in _DIGEST.findall(manifest.read_text(encoding="utf-8", errors="replace")):
            yield str(_blob_path(folder, digest))


def _home(blob: Path) -> Path:
    return blob.parents[2]


def _files(folder: Path) -> list[Path]:
    blobs = folder / "blobs" / "sha256"
    return sorted(each for each in blobs.iterdir() if each.is_file()) if blobs.is_dir() else []


def _blob_path(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheReadError(f"{path} can't be used", cause=error.strerror or "") from None
