"""Contexts on their way to the engine: with git's modes instead of a umask's, where that is possible.

`context.modes` says which modes are changed, `context.normal_copy` where they lie meanwhile. The plain docker
engine is left alone: it has no remote cache, so its keys meet no other checkout. Contexts that the engine
fetches itself have git's modes already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild import git
from fastbuild.context.copied_tree import NotCopiedError
from fastbuild.context.git_index import IndexFormatError, parse_listing, tracked
from fastbuild.context.modes import Normal, is_suspect, normal_modes
from fastbuild.context.normal_copy import NormalCopy, Source, normal_copy

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.context.copies import Index

KEEPS = "--keep-modes keeps them"
MENDS = "run `umask 022` before the checkout"


def normalised(folder: Path, index: Index, home: Path) -> tuple[NormalCopy | None, str]:
    """The copy of `folder` to send in its place (None: send it as it is), and a note or "".

    `index` is what `copies.scan` found in it; copies are kept below `home`. Raises nothing: whatever
    stands in the way is a note, and the build goes on with the modes on disk.
    """
    if not is_suspect(index):
        return None, ""
    try:
        found = git.find(folder)
        normal = _normal(folder, index)
        if found is None or normal is None:
            return None, ""
        root, git_dir = found
        inside = folder.resolve().relative_to(root.resolve()).as_posix()
    except (OSError, ValueError) as error:
        return None, f"context: sent with the modes on disk, for git's index can't be read ({_why(error)})"
    source = Source(
        folder=folder,
        index=index,
        modes=normal.modes,
        inside="" if inside == "." else inside,
        git_dir=git_dir,
    )
    try:
        copy = normal_copy(home, source)
    except (NotCopiedError, OSError) as error:
        return None, f"{_counted(normal)}, so other checkouts may miss the cache; {MENDS} ({_why(error)})"
    return copy, f"{_counted(normal)}; sent as git would check them out ({KEEPS})"


def sent_modes(folder: Path, index: Index) -> dict[str, int]:
    """The permission bits that `normalised` sends instead of those on disk, by path; for predictions.

    Raises nothing.
    """
    try:
        normal = _normal(folder, index) if is_suspect(index) else None
    except (OSError, ValueError):
        normal = None
    return dict(normal.modes) if normal is not None else {}


def _normal(folder: Path, index: Index) -> Normal | None:
    found = git.find(folder)
    if found is None:
        return None
    try:
        modes = tracked(folder, git.find)
    except IndexFormatError:
        listing = git.index_listing(folder)
        if listing is None:
            raise
        modes = parse_listing(listing)
    if not modes:
        return None
    return normal_modes(index, modes, (found[1] / "index").stat().st_mode & 0o7777)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _counted(normal: Normal) -> str:
    counts = ((normal.files, "file"), (normal.directories, "directory"))
    what = " and ".join(_number(number, word) for number, word in counts if number)
    verb = "has the mode" if normal.files + normal.directories == 1 else "have modes"
    return f"context: {what} {verb} of umask {normal.umask:03o}"


def _number(number: int, word: str) -> str:
    plural = f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
