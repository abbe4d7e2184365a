"""One copy of a context on disk: what is wanted in it, what is known of it, and bringing it up to date."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.context import copies
from fastbuild.context.copied_file import copy_attributes, copy_file, same_bytes
from fastbuild.context.modes import mode_of
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.context.copies import Entry, Index

SPARE = 1024**3
"""Bytes that stay free on the disk."""
RECENT_SECONDS = 1.0
"""A file changed so shortly before it was copied may change again without its times showing it."""
GIT = ".git"


class NotCopiedError(Exception):
    """The context can't be copied; the text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry of a copy: the source's, as `copies.scan` gives it, and the mode that the copy has."""

    entry: Entry
    mode: int

    @property
    def size(self) -> int:
        """Bytes."""
        visible = self.entry[0]
        return int(visible[0]) if stat.S_ISREG(self.mode) and isinstance(visible, list) else 0

    @property
    def is_directory(self) -> bool:
        """Whether it is one, and no link to one."""
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class _Made:
    """What the list of a finished copy says of an entry: what was wanted, what came out of it.

    `recent`: it may have changed while it was copied, so the bytes are compared once more.
    """

    entry: object
    mode: object
    made: object
    recent: bool


@dataclass(slots=True)
class CopiedTree:
    """The copy of `source` in the directory `slot`, at `inside`, while it is brought up to date.

    `git_dir` is the repository of the source: see `_lead_to_git`.
    """

    source: Path
    wanted: Mapping[str, Wanted]
    slot: Path
    inside: str
    git_dir: Path | None
    _opened: set[str] = field(default_factory=set)
    _recent: set[str] = field(default_factory=set)
    _settled: bool = False

    @property
    def folder(self) -> Path:
        """Where the copy of the context itself is."""
        return self.slot / self.inside

    @property
    def _list(self) -> Path:
        return self.slot.with_name(f"{self.slot.name}.json")

    def bring_up(self) -> Index:
        """Make the copy what is wanted; returns what is in it. Raises NotCopiedError or OSError."""
        known = self._known()
        have = self._scan() if known else {}
        if not known and self.slot.exists():
            remove_tree(self.slot)
        stale = [path for path in self.wanted if not self._is_current(path, known.get(path), have)]
        gone = [path for path in have if path not in self.wanted]
        if stale or gone or not known:
            self._list.unlink(missing_ok=True)
            self._change(sorted(stale), gone, have)
            have = self._checked()
            self._remember(have)
        else:
            self._finish_directories()
            if self._settled:
                self._remember(have)
        self._lead_to_git()
        return have

    def _known(self) -> dict[str, _Made]:
        try:
            said = json.loads(self._list.read_text(encoding="utf-8", errors="surrogateescape"))
            if said["folder"] == str(self.folder):
                return {path: _Made(*made) for path, made in said["made"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}

    def _remember(self, have: Index) -> None:
        made = {
            path: (want.entry, want.mode, have[path], path in self._recent)
            for path, want in self.wanted.items()
        }
        beside = self._list.with_suffix(".new")
        text = json.dumps({"folder": str(self.folder), "made": made})
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")
        beside.replace(self._list)

    def _scan(self) -> Index:
        try:
            index = copies.scan(self.folder)
        except UsageError:
            return {}
        if GIT not in self.wanted:
            index.pop(GIT, None)  # our own, see `_lead_to_git`
        return index

    def _is_current(self, path: str, known: _Made | None, have: Index) -> bool:
        want = self.wanted[path]
        if known is None or (known.entry, known.mode) != (want.entry, want.mode):
            return False
        if path not in have or known.made != have[path]:
            return False
        if known.recent:
            if not same_bytes(self.source / path, self.folder / path):
                return False
            self._settled = True
            self._note_recent(path, (self.source / path).lstat().st_ctime)
        return True

    def _note_recent(self, path: str, changed: float) -> None:
        if time.time() - changed < RECENT_SECONDS:
            self._recent.add(path)

    def _change(self, stale: list[str], gone: list[str], have: Index) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < SPARE + sum(self.wanted[path].size for path in stale):
            raise NotCopiedError(f"the disk that holds {self.slot.parent} has no room for a copy")
        for path in sorted(gone, reverse=True):
            self._remove(path)
        linked: dict[str, str] = {}
        for path in stale:
            if path in have and not (self.wanted[path].is_directory and stat.S_ISDIR(mode_of(have[path]))):
                self._remove(path)
            self._make(path, linked)
        self._finish_directories()

    def _open_parent(self, path: str) -> None:
        """Make sure that the directory of `path` lets us change what is in it."""
        parent = path.rpartition("/")[0]
        if parent and parent not in self._opened:
            self._opened.add(parent)
            (self.folder / parent).chmod(0o700)

    def _remove(self, path: str) -> None:
        self._open_parent(path)
        place = self.folder / path
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o700)
            remove_tree(place)
        else:
            place.unlink(missing_ok=True)

    def _make(self, path: str, linked: dict[str, str]) -> None:
        self._open_parent(path)
        want, source, place = self.wanted[path], self.source / path, self.folder / path
        if want.is_directory:
            self._opened.add(path)
            place.mkdir(mode=0o700, exist_ok=True)
            place.chmod(0o700)
            copy_attributes(source, place)
        elif stat.S_ISLNK(want.mode):
            place.symlink_to(source.readlink())
            mtime = source.lstat().st_mtime_ns
            os.utime(place, ns=(mtime, mtime), follow_symlinks=False)
        else:
            # hard links have one inode, so all that was seen of them is the same
            first = linked.setdefault(repr(want.entry), path)
            if first != path:
                os.link(self.folder / first, place)
            else:
                self._note_recent(path, copy_file(source, place, stat.S_IMODE(want.mode)))

    def _finish_directories(self) -> None:
        """Modes and mtimes of directories, the deepest first: nothing can be done in a closed one."""
        folders = (path for path, want in self.wanted.items() if want.is_directory)
        for path in sorted(folders, reverse=True):
            place, mtime = self.folder / path, (self.source / path).stat().st_mtime_ns
            if path in self._opened:
                place.chmod(stat.S_IMODE(self.wanted[path].mode))
            if place.stat().st_mtime_ns != mtime:
                os.utime(place, ns=(mtime, mtime))

    def _checked(self) -> Index:
        """What is in the copy now. Raises NotCopiedError unless it is what was wanted."""
        have = self._scan()
        different = next(_differences(self.wanted, have), None)
        if different is not None:
            raise NotCopiedError(f"the copy of {different} came out different")
        return have

    def _lead_to_git(self) -> None:
        """Write a `.git` that names the repository: buildx asks git which commit it builds.

        It is in the context itself only where the context is the work tree's root and ignores `.git`.
        """
        if self.git_dir is None or (not self.inside and GIT in self.wanted):
            return
        pointer, text = self.slot / GIT, f"gitdir: {self.git_dir.resolve()}\n"
        if not pointer.is_file() or pointer.read_text(encoding="utf-8") != text:
            pointer.write_text(text, encoding="utf-8")


def remove_tree(folder: Path) -> None:
    """Remove a directory of ours, also where modes in it forbid that. Raises OSError."""
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            inside = Path(parent, name)
            if not inside.is_symlink():
                inside.chmod(0o700)
    shutil.rmtree(folder)


def _differences(wanted: Mapping[str, Wanted], have: Index) -> Iterator[str]:
    for path, want in wanted.items():
        entry = have.get(path)
        if (
            entry is None
            or mode_of(entry) != want.mode
            or _more(entry, want.mode) != _more(want.entry, want.mode)
        ):
            yield path
    yield from (path for path in have if path not in wanted)


def _more(entry: Entry, mode: int) -> object:
    """A directory's attributes, a link's target; for files nothing, they may just have been written to."""
    visible, hidden = entry
    if stat.S_ISDIR(mode):
        return hidden[1] if isinstance(hidden, list) else None
    return visible[3] if stat.S_ISLNK(mode) and isinstance(visible, list) else None
