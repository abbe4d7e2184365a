"""A build context on this disk as BuildKit would see it: read on demand; nothing is raised."""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.dockerfile.ignore import Ignore

LONGEST_FILE = 16 * 1024 * 1024
"""Bytes; longer files are not read: no manifest or script is."""
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """One entry of the build context. `path` is relative, with slashes; `mode` the permission bits.

    `size` is in bytes; `kind` is "file", "directory", "link" or "other"; `target` is a link's text.
    """

    path: str
    kind: str
    mode: int
    size: int = 0
    target: str = ""


class Tree:
    """The context below `root`; see `fastbuild.analysis.subject.Context` for what each method promises.

    `dockerfile` is its path, for `<Dockerfile>.dockerignore`; None when it is no file. `texts` replaces
    files by what they would be, by path: for trying an edit without writing it. Directories behind links
    are not entered, as BuildKit does not, so loops can't happen.
    """

    def __init__(
        self, root: Path, dockerfile: Path | None = None, texts: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self._dockerfile = dockerfile
        self._texts = texts or {}
        self.problem = ""
        """Why the ignore file is no good, as BuildKit would say; it is then taken for empty."""

    def files(self) -> Mapping[str, ContextFile]:
        """Every entry that the ignore file leaves, by path, directories included. Walks once."""
        return self._files

    @cached_property
    def _files(self) -> dict[str, ContextFile]:
        found: dict[str, ContextFile] = {}
        kept_above: set[str] = set()
        folders: dict[str, int] = {}
        for path, entry, ignored in self._walk():
            if entry.kind == "directory":
                folders[path] = entry.mode
            if not ignored:
                found[path] = entry
                parent = posixpath.dirname(path)
                while parent and parent not in kept_above:
                    kept_above.add(parent)
                    parent = posixpath.dirname(parent)
        for path, text in self._texts.items():
            if path not in found and not path.startswith("../") and not self._ignores(path):
                size = len(text.encode("utf-8", "surrogateescape"))
                found[path] = ContextFile(path=path, kind="file", mode=0o644, size=size)
        for parent in kept_above - found.keys():  # an ignored directory with a kept file in it is sent
            found[parent] = ContextFile(path=parent, kind="directory", mode=folders[parent])
        return found

    def _walk(self) -> Iterator[tuple[str, ContextFile, bool]]:
        pending = [""]
        while pending:
            parent = pending.pop()
            for each in _entries(self.root / parent):
                path = f"{parent}{each.name}"
                info = _stat(each)
                if info is None:
                    continue
                ignored = self._ignores(path)
                if stat.S_ISDIR(info.st_mode) and not (ignored and self._is_closed(path)):
                    pending.append(path + "/")
                target = _target(each.path) if stat.S_ISLNK(info.st_mode) else ""
                yield path, _entry(path, info, target), ignored

    def ignored(self) -> frozenset[str]:
        """The top-level names that exist but are left out, `.git` among them."""
        return self._ignored

    @cached_property
    def _ignored(self) -> frozenset[str]:
        if not self._ignore:
            return frozenset()
        return frozenset(each.name for each in _entries(self.root) if self._ignores(each.name))

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None if it is absent, ignored, unreadable or very long.

        Links are followed inside the context.
        """
        path = posixpath.normpath(path)
        if path in self._texts:
            return self._texts[path].encode("utf-8", "surrogateescape")
        inside = None if path.startswith(("/", "../")) or "\0" in path else self._inside(path)
        if inside is None or self._ignores(path) or self._ignores(inside):
            return None
        return _read(self.root / inside)

    def _inside(self, path: str) -> str | None:
        """The path after following links; None if that leads out of the context."""
        try:
            root = os.path.realpath(self.root)
            real = os.path.realpath(self.root / path)
        except (OSError, ValueError):
            return None
        if not real.startswith(root.rstrip("/") + "/"):
            return None
        return os.path.relpath(real, root)

    def ignore_file(self) -> tuple[str, str] | None:
        """Name (relative to the context) and text of the ignore file in force, None without one."""
        return self._ignore_file

    @cached_property
    def _ignore_file(self) -> tuple[str, str] | None:
        own = ""
        if self._dockerfile is not None:
            own = os.path.relpath(f"{self._dockerfile}.dockerignore", self.root)
        for name in filter(None, (own, ".dockerignore")):
            if name in self._texts:
                return name, self._texts[name]
            raw = _read(self.root / name)
            if raw is not None:
                return name, raw.decode("utf-8", "surrogateescape")
        return None

    @cached_property
    def _ignore(self) -> Ignore:
        from fastbuild.dockerfile.ignore import Ignore

        name, text = self._ignore_file or (".dockerignore", "")
        try:
            return Ignore.read(text, name)
        except UsageError as error:
            self.problem = error.what
            return Ignore(())

    def _ignores(self, path: str) -> bool:
        try:
            return self._ignore.ignores(path)
        except UsageError as error:
            return self._without_ignore(error)

    def _is_closed(self, path: str) -> bool:
        try:
            return not self._ignore.may_contain(path)
        except UsageError as error:
            return self._without_ignore(error)

    def _without_ignore(self, error: UsageError) -> bool:
        """BuildKit refuses some patterns only when it compares them."""
        from fastbuild.dockerfile.ignore import Ignore

        self.problem = error.what
        self.__dict__["_ignore"] = Ignore(())
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda each: each.name)
    except (OSError, ValueError):
        return []


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _target(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _entry(path: str, info: os.stat_result, target: str) -> ContextFile:
    kind = _KINDS.get(stat.S_IFMT(info.st_mode), "other")
    size = info.st_size if kind == "file" else 0
    return ContextFile(path=path, kind=kind, mode=stat.S_IMODE(info.st_mode), size=size, target=target)


def _read(path: Path) -> bytes | None:
    """A regular file's bytes. A pipe must not block: it is opened without waiting, and never read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode) or info.st_size > LONGEST_FILE:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError:
        return None
    finally:
        os.close(descriptor)
