"""Where a RUN starts and what earlier COPYs put there: the `Place` that tools are asked about."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers, overlaps
from fastbuild.reorder.effects import SYSTEM
from fastbuild.reorder.paths import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.subject import Context


@dataclass(slots=True)
class Laid:
    """The files that COPYs of a stage have brought so far: path in the image → path in the context."""

    context: Context | None
    files: dict[str, str] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    _sorted: list[str] = field(default_factory=list)

    def add(self, files: Mapping[str, str]) -> None:
        """A COPY has brought these."""
        self.files.update(files)
        self._sorted = []

    def covered(self, target: str) -> Laid:
        """As it looks below a mount at `target`: whatever was there is hidden."""
        target = canonical(target)
        files = {path: name for path, name in self.files.items() if not covers(target, path)}
        return Laid(self.context, files, {path for path in self.doubted if not covers(target, path)})

    def mount(self, source: str, target: str) -> None:
        """The context's `source` is mounted at `target`."""
        if self.context is None:
            return
        source, target = posixpath.normpath("/" + source).lstrip("/"), canonical(target)
        for name, file in self.context.files().items():
            if file.kind != "directory" and (not source or covers(source, name)):
                self.files[target + name[len(source) :] if source else posixpath.join(target, name)] = name
        self._sorted = []

    def below(self, directory: str) -> tuple[str, ...]:
        """The paths in the image below a directory, sorted."""
        names = self.names()
        prefix = directory.rstrip("/") + "/"
        found = []
        for at in range(bisect_left(names, prefix), len(names)):
            if not names[at].startswith(prefix):
                break
            found.append(names[at])
        return tuple(found)

    def names(self) -> list[str]:
        """The paths in the image, sorted."""
        if len(self._sorted) != len(self.files):
            self._sorted = sorted(self.files)
        return self._sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """An implementation of `effects.Place`."""

    laid: Laid
    cwd: str
    home: str
    user: str
    env: Mapping[str, str]
    unsure: frozenset[str] = frozenset()
    """Variables that are set, but to what only a build decides."""
    unset: frozenset[str] = frozenset()
    """Variables without a value to which a build may give one."""

    def moved(self, cwd: str) -> At:
        """The same after `cd`."""
        return replace(self, cwd=self.absolute(cwd))

    def after(self, writes: frozenset[str]) -> At:
        """The same after a command that may have written these; packages bring no settings of a project."""
        doubted = self.laid.doubted | {canonical(path) for path in writes - SYSTEM}
        return replace(self, laid=replace(self.laid, doubted=doubted))

    def absolute(self, path: str) -> str:
        """`path` seen from `cwd`."""
        return canonical(posixpath.join(self.cwd, path))

    def read(self, path: str) -> str | None:
        """See `effects.Place`."""
        path = canonical(path)
        name = self.laid.files.get(path)
        if name is None or self.laid.context is None or self.doubtful(path):
            return None
        raw = self.laid.context.read(name)
        try:
            return None if raw is None else raw.decode()
        except UnicodeDecodeError:
            return None

    def exists(self, path: str) -> bool:
        """See `effects.Place`."""
        path = canonical(path)
        return path in self.laid.files or bool(self.laid.below(path))

    def below(self, directory: str) -> tuple[str, ...]:
        """See `effects.Place`."""
        return self.laid.below(canonical(directory))

    def doubtful(self, path: str) -> bool:
        """See `effects.Place`."""
        path = canonical(path)
        return any(overlaps(other, path) for other in self.laid.doubted)
