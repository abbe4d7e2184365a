"""What the computation of content digests asks of a tree of files, whoever has it: a folder, a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastbuild.context.filehash import Node


class ContentError(ValueError):
    """BuildKit would fail here: a path that isn't there, a loop of links, a malformed pattern."""


class Files(Protocol):
    """A tree as BuildKit has it. Paths are absolute in the tree; bytes that are no UTF-8 are surrogates."""

    def look(self, path: str) -> Node | None:
        """The entry, None if there is none; no link is followed, at the end or on the way."""

    def names(self, path: str) -> Sequence[str]:
        """What a directory holds, in any order."""

    def digest(self, path: str) -> str:
        """`sha256:…` of header and bytes; of a directory of its header. Never asked for the root."""


@runtime_checkable
class ReadsAhead(Protocol):
    """Files whose digests come faster when many are asked for at once."""

    def read_ahead(self, paths: Iterable[str]) -> None:
        """These will be asked for soon."""


@runtime_checkable
class KeepsFolders(Protocol):
    """Files that keep digests of whole directories, by path, for trees in which those are the same."""

    folders: Folders


class Folders(Protocol):
    """Digests of whole directories, by path."""

    def __contains__(self, path: object, /) -> bool: ...

    def __getitem__(self, path: str, /) -> str: ...

    def __setitem__(self, path: str, digest: str, /) -> None: ...
