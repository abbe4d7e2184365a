"""Modes that come from a umask, not from anybody's will: which they are, and what git means by them.

Git stores one permission bit, "executable". What a checkout gives a file is 0666 or 0777 without the bits
of the umask, a directory 0777 without them. BuildKit's keys contain the whole mode, so a checkout under
umask 002 misses every COPY that one under 022 stored. Sent with 0644 and 0755, both are the same, and the
same as a context that BuildKit fetches from git itself.

What is changed, and what never:

- Only what git tracks, for only there a checkout made the mode. A file that git doesn't track, and a
  directory without tracked files, stay as they are: a key with 0600 must arrive with 0600. The same for
  links, and for everything outside git.
- Only files whose executable bit is the index's: a chmod that `git diff` shows is somebody's will. (Where a
  file system gives everything 0777, most files are not changed for that reason.)
- Only modes that one umask made for most tracked files, the tree's umask. A single 0666 or 0777 among files
  with 0644 is a chmod that git does not record, but the program in the image may need it.
- A umask that takes reading away (007, 027, 077) must have made every tracked file and directory, and
  git's own index file too: opening what was closed on purpose would be worse than any miss. With umask 077
  all files are 0600, and no private key can be told from the rest, but git gives it to others as 0644.
- Never setuid, setgid, sticky or any mode that none of the usual umasks makes; never a file of which the
  context holds a second hard link.
"""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.context.copies import Entry, Index

NORMAL = 0o022
"""The umask whose modes are sent. BuildKit's own checkouts have them, and most machines."""
UMASKS = (0o000, 0o002, 0o007, NORMAL, 0o027, 0o077)
_READING = 0o044
_EXECUTABLE = 0o100


def _made(umask: int, *, executable: bool) -> int:
    return (0o777 if executable else 0o666) & ~umask


_FILES = {_made(u, executable=x): u for u in UMASKS for x in (False, True)}
_DIRECTORIES = {_made(u, executable=True): u for u in UMASKS}
_SUSPECT = frozenset(
    [stat.S_IFREG | mode for mode, umask in _FILES.items() if umask != NORMAL]
    + [stat.S_IFDIR | mode for mode, umask in _DIRECTORIES.items() if umask != NORMAL]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """The permission bits to send instead of those on disk, by path, because `umask` made the latter."""

    umask: int
    modes: Mapping[str, int]
    files: int
    directories: int


def mode_of(entry: Entry) -> int:
    """The mode, with the kind of file, in an entry of `copies.scan`."""
    visible, hidden = entry
    return int(visible[2] if isinstance(visible, list) else hidden[0])  # type: ignore[index]


def is_suspect(index: Index) -> bool:
    """Whether some mode may come from an unusual umask; if not, git need not be asked."""
    return any(mode_of(entry) in _SUSPECT for entry in index.values())


def normal_modes(index: Index, tracked: Mapping[str, int], git_index_mode: int) -> Normal | None:
    """What to send of a context; None when nothing is to be changed.

    `index` is what `copies.scan` found, `tracked` git's modes by the same paths, `git_index_mode` the
    permission bits of git's index file.
    """
    present = {path: mode for path, mode in tracked.items() if path in index}
    files = _umasks(index, _as_git_knows(index, present), _FILES)
    directories = _umasks(index, _parents(index, present), _DIRECTORIES)
    umask = _umask_of(files, directories, git_index_mode)
    if umask is None:
        return None
    linked = _hard_links(index)
    chosen = [path for path, made in files.items() if made == umask and path not in linked]
    opened = [path for path, made in directories.items() if made == umask]
    modes = {
        path: _made(NORMAL, executable=bool(mode_of(index[path]) & _EXECUTABLE)) for path in chosen + opened
    }
    return Normal(umask=umask, modes=modes, files=len(chosen), directories=len(opened)) if modes else None


def _as_git_knows(index: Index, tracked: Mapping[str, int]) -> Iterable[str]:
    for path, git_mode in tracked.items():
        mode = mode_of(index[path])
        same_bit = bool(mode & _EXECUTABLE) == bool(git_mode & _EXECUTABLE)
        if stat.S_ISREG(git_mode) and stat.S_ISREG(mode) and same_bit:
            yield path


def _parents(index: Index, tracked: Iterable[str]) -> set[str]:
    """The directories that git made: those of tracked files, and submodules."""
    found = {path for path in tracked if stat.S_ISDIR(mode_of(index[path]))}
    for path in tracked:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _umasks(index: Index, paths: Iterable[str], makers: Mapping[int, int]) -> dict[str, int | None]:
    """The umask that made each path's mode; None where no usual one did."""
    return {path: makers.get(stat.S_IMODE(mode_of(index[path]))) for path in paths}


def _umask_of(
    files: Mapping[str, int | None], directories: Mapping[str, int | None], git_index_mode: int
) -> int | None:
    """The umask that the tree was checked out under, if it is known and not the normal one."""
    if not files:
        return None
    umask, votes = Counter(files.values()).most_common(1)[0]
    if umask is None or umask == NORMAL or 2 * votes <= len(files):
        return None
    if umask & _READING:
        agree = {*files.values(), *directories.values()} == {umask}
        return umask if agree and git_index_mode == _made(umask, executable=False) else None
    return umask


def _hard_links(index: Index) -> set[str]:
    """Files that share their inode, and so their mode, with another path of the context."""
    seen: dict[str, list[str]] = {}
    for path, entry in index.items():
        if stat.S_ISREG(mode_of(entry)):
            seen.setdefault(repr(entry[1]), []).append(path)
    return {path for paths in seen.values() if len(paths) > 1 for path in paths}
