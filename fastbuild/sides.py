"""Side files of the newest builds on this machine: what decided each step's key. See `explain.sidefile`.

They are larger than records and looked at one by one, so they are files, not rows of the history.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError
from fastbuild.files import replace_file
from fastbuild.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.paths import Paths
    from fastbuild.request import BuildRequest

KEPT = 50
"""Builds of one project: the oldest beyond this number are dropped."""


def project_of(request: BuildRequest) -> str:
    """What tells the builds of one thing on this machine from all others: a name for a directory."""
    import xxhash

    words = (
        str(Path(request.context).resolve()),
        request.file or "",
        request.target or "",
        *request.platforms,
    )
    return xxhash.xxh3_64_hexdigest("\0".join(words).encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True)
class Sides:
    """A directory with one file per build of one project, named by the build's id, which sorts by time."""

    folder: Path
    kept: int = KEPT

    @classmethod
    def of(cls, paths: Paths, project: str) -> Sides:
        """Those of this user's builds of `project`, a name that is made by `project_of`."""
        return cls(paths.state / "sides" / project)

    @classmethod
    def having(cls, paths: Paths, build: str) -> Sides | None:
        """Those among which a build's is; None where nothing was kept of it."""
        found = next((paths.state / "sides").glob(f"*/{build}.json.gz"), None)
        return cls(found.parent) if found else None

    def save(self, build: str, data: bytes, uid: int) -> None:
        """Keep a build's side file, readable by the user `uid` alone. Raises UsageError."""
        make_private(self.folder.parent, uid)
        make_private(self.folder, uid)
        try:
            replace_file(self._file(build), data)
        except OSError as error:
            raise UsageError(f"{self._file(build)} can't be written: {error.strerror}") from error
        for old in sorted(self.folder.glob("*.json.gz"))[: -self.kept]:
            old.unlink(missing_ok=True)

    def load(self, build: str) -> bytes | None:
        """What was kept of a build; None if nothing was, or it can't be read."""
        with suppress(OSError, ValueError):
            return self._file(build).read_bytes()
        return None

    def before(self, build: str = "~") -> Iterator[bytes]:
        """Those of builds before this id, newest first; of all where none is given."""
        for file in sorted(self.folder.glob("*.json.gz"), reverse=True):
            if file.name.removesuffix(".json.gz") < build:
                with suppress(OSError):
                    yield file.read_bytes()

    def _file(self, build: str) -> Path:
        return self.folder / f"{build}.json.gz"
