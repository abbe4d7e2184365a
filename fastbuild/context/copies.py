"""Reading the build context: which of its states the daemon may safely compare with.

BuildKit refreshes its copy of a local context by comparing size, mtime and mode, under a name that
buildctl shares between all projects. Two things go wrong with that, both silently: another project's
bytes are used where path, size, mtime and mode agree, and a change that those three don't show (a
directory's mode, an xattr, an edit that restores the mtime) is missed.

So every context gets a name of its own, made of the directory, a slot and a generation. The slot is
locked while a build uses it: concurrent builds of one directory never share a copy. The generation
changes when the files changed in a way that the comparison can't see; then everything is sent again.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYTHING = Ignore(())
"""Ignores nothing."""
SLOTS = 64
"""Most concurrent builds of one directory by one user; the next one waits for slot 0."""

Entry = list[object]
Index = dict[str, Entry]


def scan(root: Path, ignore: Ignore = EVERYTHING) -> Index:
    """Every entry below `root` that BuildKit is sent: relative path → [visible, hidden] state.

    `visible` is what BuildKit compares (size, mtime in ns, mode, link target; nothing for a
    directory), `hidden` what it doesn't (ctime in ns and inode for files; mode and xattrs for
    directories). Ignored files are left out, and ignored directories that hold no exception. Raises
    UsageError when a directory can't be read, or the ignore file has a bad pattern.
    """
    index: Index = {}
    pending = [""]
    while pending:
        parent = pending.pop()
        for entry in _entries(root, parent, ignore):
            path = f"{parent}{entry.name}"
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                if not ignore.may_contain(path):
                    continue
                pending.append(path + "/")
                index[path] = [0, [info.st_mode, _xattrs(entry.path)]]
            elif not ignore.ignores(path):
                link = str(Path(entry.path).readlink()) if stat.S_ISLNK(info.st_mode) else ""
                index[path] = [
                    [info.st_size, info.st_mtime_ns, info.st_mode, link],
                    [info.st_ctime_ns, info.st_ino],
                ]
    return index


def require_readable(root: Path, index: Index) -> None:
    """Raise UsageError when a file that `scan` found can't be read.

    BuildKit would send it as an empty file and say nothing (seen with v0.34.1). Classic docker refused
    such contexts, too.
    """
    if os.geteuid() == 0:
        return
    closed = [path for path, (visible, _) in index.items() if _is_closed(visible, root, path)]
    if closed:
        raise UsageError(
            f"the build context can't be read: {root / min(closed)}: Permission denied",
            cause="the file belongs to another user",
            fix="make it readable, or list it in .dockerignore",
        )


def _is_closed(visible: object, root: Path, path: str) -> bool:
    if not isinstance(visible, list):
        return False  # a directory
    mode = int(visible[2])
    everyone = mode & 0o444 == 0o444
    return stat.S_ISREG(mode) and not everyone and not os.access(root / path, os.R_OK)


def _entries(root: Path, parent: str, ignore: Ignore) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(root / parent) as entries:
            yield from entries
    except OSError as error:
        if isinstance(error, PermissionError) and ignore.ignores(parent.rstrip("/")):
            return  # entered for an exception; BuildKit passes it over, too
        raise UsageError(
            f"the build context can't be read: {root / parent}: {error.strerror}",
            fix="make it readable, or list it in .dockerignore",
        ) from error


def _xattrs(path: str) -> str:
    try:
        return repr([(n, os.getxattr(path, n)) for n in sorted(os.listxattr(path))])
    except OSError:
        return ""


def hides_change(before: Index, now: Index) -> bool:
    """Whether some entry changed in a way that BuildKit's comparison can't see."""
    for path, (visible, hidden) in now.items():
        old = before.get(path)
        if old is not None and old[0] == visible and old[1] != hidden:
            return True
    return False


@dataclass(slots=True)
class ContextLease:
    """The right to use one daemon-side copy of a directory, until `release`.

    `name` is the copy's name. `lock` is a file descriptor that the engine's client inherits, so the
    slot stays taken for as long as that client lives. What was known of the copy is set aside
    meanwhile: unless `sent` or `untouched` says otherwise (a crash can't), the next build begins a new
    copy, for nobody knows what the daemon has, or whether it still works for a client that is gone.
    """

    name: str
    lock: int
    _file: Path
    _generation: str
    _index: Index
    _changed: bool

    def sent(self) -> None:
        """The daemon now has the state that was scanned: remember it."""
        if not self._changed:
            self.untouched()
            return
        text = json.dumps({"generation": self._generation, "index": self._index})
        beside = self._file.with_suffix(".new")
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")
        beside.replace(self._file)

    def untouched(self) -> None:
        """The daemon did not ask for the directory: it has what it had."""
        with suppress(FileNotFoundError):
            self._file.with_suffix(".aside").replace(self._file)

    def release(self) -> None:
        """Give the slot back."""
        os.close(self.lock)


def lease(home: Path, key: str, index: Index) -> ContextLease:
    """Take a free slot for the directory that `key` stands for (daemon, machine and path together).

    `home` is where slots of all directories are kept. The copy's name differs from that of any other
    directory, of any concurrent build, and of the last build if the files hide a change since then.
    """
    folder = home / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    slot, lock = free_slot(folder)
    file = folder / f"{slot}.json"
    generation, before = _set_aside(file)
    changed = not generation or before != index
    if changed and hides_change(before, index):
        generation = ""
    generation = generation or os.urandom(4).hex()
    return ContextLease(f"{key}-{slot}-{generation}", lock, file, generation, index, changed)


def free_slot(folder: Path) -> tuple[int, int]:
    """A slot's number and the descriptor that holds its lock; waits for slot 0 where all are taken."""
    for slot in range(SLOTS):
        lock = os.open(folder / f"{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return slot, lock
    lock = os.open(folder / "0.lock", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return 0, lock


def _set_aside(file: Path) -> tuple[str, Index]:
    """Move a slot's file out of the way and return what it says."""
    aside = file.with_suffix(".aside")
    try:
        file.replace(aside)
        data = json.loads(aside.read_text(encoding="utf-8", errors="surrogateescape"))
        return str(data["generation"]), data["index"]
    except (OSError, ValueError, KeyError, TypeError):
        return "", {}
