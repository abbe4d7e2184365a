"""A second copy of a context in which some modes are other than on the user's disk.

The clients of BuildKit send a directory as it lies there, so one with other modes has to exist. Why a plain
copy: an overlay needs a mount, and so root or a user namespace; hard links share the mode; FUSE needs a
device; a tar archive is sent whole each time. The copy is kept and brought up to date as BuildKit does with
its own: what did not change in size, mtime, ctime, inode and mode is not read again. Large files share their
blocks with the source where the file system can do that.

What makes it safe: one build at a time has a slot, and so does the engine's client while it lives. The list
of what was copied is removed before the first change and written after the last, so a half copy is not
believed. Every entry of the copy is looked at before it is sent. Links, hard links, mtimes and the extended
attributes that BuildKit counts are kept; ignored files are not copied. Nothing is ever written to the source.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.context import copies
from fastbuild.context.copied_tree import CopiedTree, NotCopiedError, Wanted, remove_tree
from fastbuild.context.modes import mode_of
from fastbuild.dockerfile.ignore import DEFAULT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.context.copies import Index

LARGEST = 1024**3
"""Bytes of a context that is copied; a larger one is sent as it is."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long an unused copy stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A context: its directory, what `copies.scan` found there, the permission bits to send instead.

    `inside` is its path in the work tree, `git_dir` the repository.
    """

    folder: Path
    index: Index
    modes: Mapping[str, int]
    inside: str = ""
    git_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalCopy:
    """A copy that is ours until `release`. `lock` is a descriptor that the engine's client inherits.

    `index` is what `copies.scan` finds in `folder`; `modes` are the permission bits that differ from those
    of the original, by path.
    """

    folder: Path
    index: Index
    modes: Mapping[str, int]
    lock: int

    def release(self) -> None:
        """Let the next build have it."""
        os.close(self.lock)


def normal_copy(home: Path, source: Source) -> NormalCopy:
    """The copy of a context below `home`, up to date. Raises NotCopiedError or OSError."""
    import xxhash

    wanted = _wanted(source)
    _require_copyable(home, source, wanted)
    key = xxhash.xxh3_128_hexdigest(os.fsencode(source.folder.resolve()))[:20]
    slots = home / key
    slots.mkdir(mode=0o700, parents=True, exist_ok=True)
    slot, lock = copies.free_slot(slots)
    try:
        os.utime(lock)
        _sweep(home, time.time())
        tree = CopiedTree(source.folder, wanted, slots / str(slot), source.inside, source.git_dir)
        return NormalCopy(folder=tree.folder, index=tree.bring_up(), modes=source.modes, lock=lock)
    except BaseException:
        os.close(lock)
        raise


def _wanted(source: Source) -> dict[str, Wanted]:
    wanted = {}
    for path, entry in source.index.items():
        mode = mode_of(entry)
        if path in source.modes:
            mode = stat.S_IFMT(mode) | source.modes[path]
        if not stat.S_ISSOCK(mode):  # BuildKit doesn't send them
            wanted[path] = Wanted(entry, mode)
    own = source.folder / DEFAULT_NAME
    if DEFAULT_NAME not in wanted and own.is_file():
        # BuildKit asks for it even where it ignores itself
        if own.is_symlink():
            raise NotCopiedError(f"{DEFAULT_NAME} is an ignored link")
        info = own.stat()
        visible = [info.st_size, info.st_mtime_ns, info.st_mode, ""]
        wanted[DEFAULT_NAME] = Wanted([visible, [info.st_ctime_ns, info.st_ino]], info.st_mode)
    return wanted


def _require_copyable(home: Path, source: Source, wanted: Mapping[str, Wanted]) -> None:
    for path, want in wanted.items():
        if stat.S_IFMT(want.mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise NotCopiedError(f"{path} is no file, directory or link")
    folder, own = source.folder.resolve(), home.resolve()
    if folder == own or (folder in own.parents and own.relative_to(folder).parts[0] in wanted):
        raise NotCopiedError(f"fastbuild's own directory {own} is in the context")
    size = sum(want.size for want in wanted.values())
    if size > LARGEST:
        much, most = size // 1024**2, LARGEST // 1024**2
        raise NotCopiedError(f"it has {much:,} MiB, and contexts of more than {most:,} MiB are not copied")


def _sweep(home: Path, now: float) -> None:
    """Remove copies that nobody used for long. The locks stay, or two builds could have one each."""
    for lock in home.glob("*/*.lock"):
        with suppress(OSError):
            slot = lock.with_suffix("")
            if now - lock.stat().st_mtime < KEPT_SECONDS or not slot.exists():
                continue
            with lock.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock.with_suffix(".json").unlink(missing_ok=True)
                remove_tree(slot)
