"""Which files an input takes, as a list for a tree of digests, and the input's content digest.

The files are those whose digests went into the content digest: `Watched` notes what was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.errors import FastbuildError
from fastbuild.explain.trees import CopiedFile, Kind
from fastbuild.keys.content import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastbuild.keys.content import Files, Node
    from fastbuild.keys.ops import Selection

    Bare = Callable[[str], str]
    """The digest of a file's bytes, without its mode, by its path in the tree."""

_KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "symlink": Kind.SYMLINK}


class Watched:
    """Files that note whose digests are asked for."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.digests: dict[str, str] = {}

    def look(self, path: str) -> Node | None:
        """As the files say."""
        return self._files.look(path)

    def names(self, path: str) -> Sequence[str]:
        """As the files say."""
        return self._files.names(path)

    def digest(self, path: str) -> str:
        """As the files say, and noted."""
        found = self.digests.get(path)
        if found is None:
            found = self.digests[path] = self._files.digest(path)
        return found


def copied_files(
    files: Files,
    selections: tuple[Selection, ...],
    bare: Bare | None = None,
    follow_paths: tuple[str, ...] = (),
) -> tuple[str, tuple[CopiedFile, ...]] | None:
    """The content digest and what it is made of; None where a file is gone or can't be read.

    `follow_paths` are those of the source, see `keys.sent`.
    """
    watched = Watched(files)
    try:
        content = content_digest(watched, selections, follow_paths)
        found = (_copied(watched, path, digest, bare) for path, digest in watched.digests.items())
        return content, tuple(each for each in found if each is not None)
    except (OSError, ValueError, LookupError, FastbuildError):
        return None  # it changed while it was read, or the build fails there and says so itself


def _copied(files: Watched, path: str, digest: str, bare: Bare | None) -> CopiedFile | None:
    node = files.look(path)
    if node is None:
        return None
    kind = _KINDS.get(node.kind, Kind.OTHER)
    if kind is Kind.DIRECTORY:
        digest = ""
    elif kind is Kind.FILE and bare is not None:
        digest = bare(path)
    return CopiedFile(path=path, kind=kind, mode=node.mode, digest=digest)
