"""Where fastbuild keeps its own files: XDG directories, or private ones in /tmp when there is no home.

Every directory is 0700 and ours: the runtime directory holds the engine's socket (which is as good as
root on a root engine) and, for a moment, credentials.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET_NAME = "buildkitd.sock"
LONGEST_SOCKET = 100
"""Bytes. The kernel's limit is 107 (sun_path of unix(7)); some margin for a temporary suffix."""
TEMPORARY = Path("/tmp")  # noqa: S108 - every directory made in it is checked for its owner
_NAMES = {
    "state": ("XDG_STATE_HOME", ".local/state"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The four directories of one user; nothing exists before `ensure`.

    `base` is the parent that must be private as well (only when it lies in /tmp).
    """

    state: Path
    runtime: Path
    data: Path
    cache: Path
    uid: int
    base: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], uid: int) -> Paths:
        """`FASTBUILD_HOME`, else the XDG variables, else HOME, else `/tmp/fastbuild-<uid>`.

        A HOME that is absent, read-only or in which our directory belongs to another user (`sudo`
        that keeps HOME) counts as no home. Relative XDG variables are ignored, as their
        specification demands (XDG Base Directory 0.8).
        """
        if override := environ.get("FASTBUILD_HOME"):
            return cls._below(Path(override).expanduser().absolute(), uid)
        home = environ.get("HOME", "")
        found: dict[str, Path] = {}
        for name, (variable, default) in _NAMES.items():
            directory = _absolute(environ.get(variable, ""))
            if directory is None and Path(home).is_absolute() and Path(home).is_dir():
                directory = Path(home, default)
            if directory is None or not _usable(directory / "fastbuild", uid):
                base = TEMPORARY / f"fastbuild-{uid}"
                return cls._below(base, uid, base=base)
            found[name] = directory / "fastbuild"
        runtime = _absolute(environ.get("XDG_RUNTIME_DIR", ""))
        if runtime is None or not _usable(runtime / "fastbuild", uid):
            runtime = found["state"] / "run"
        else:
            runtime = runtime / "fastbuild"
        return cls(runtime=_short(runtime, uid), uid=uid, **found)

    @classmethod
    def _below(cls, home: Path, uid: int, *, base: Path | None = None) -> Paths:
        return cls(
            state=home / "state",
            runtime=_short(home / "run", uid),
            data=home / "data",
            cache=home / "cache",
            uid=uid,
            base=base,
        )

    @property
    def history(self) -> Path:
        """The SQLite file of build records."""
        return self.state / "history.sqlite"

    @property
    def socket(self) -> Path:
        """The private engine's socket; never longer than `LONGEST_SOCKET` bytes."""
        return self.runtime / SOCKET_NAME

    def ensure(self) -> Paths:
        """Make the directories, each 0700 whatever the umask; returns itself.

        Raises UsageError when one can't be made, belongs to another user, or others may write to it.
        """
        for directory in (self.base, self.state, self.runtime, self.data, self.cache):
            if directory is not None:
                make_private(directory, self.uid)
        return self


def make_private(directory: Path, uid: int) -> None:
    """Make a directory with mode 0700, or accept one that is already ours alone.

    Raises UsageError otherwise: someone who prepared the directory (or a link in its place) in /tmp
    could read credentials or answer in the engine's name.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            _require_ours(directory, uid)
        if stat.S_IMODE(directory.stat().st_mode) != 0o700:
            directory.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"the directory {directory} can't be made: {error.strerror}",
            fix="set FASTBUILD_HOME to a directory you may write to",
        ) from error


def _require_ours(directory: Path, uid: int) -> None:
    link, target = directory.lstat(), directory.stat()
    problem = ""
    if link.st_uid != uid or target.st_uid != uid:
        owner = link.st_uid if link.st_uid != uid else target.st_uid
        problem = f"belongs to another user (uid {owner})"
    elif not stat.S_ISDIR(target.st_mode):
        problem = "is not a directory"
    elif target.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = f"may be written by others (mode {stat.S_IMODE(target.st_mode):04o})"
    if problem:
        raise UsageError(
            f"{directory} {problem}",
            cause="fastbuild keeps sockets and credentials there, so it must be yours alone",
            fix="remove it, or set FASTBUILD_HOME to a directory of your own",
        )


def _absolute(text: str) -> Path | None:
    return Path(text) if text.startswith("/") else None


def _usable(directory: Path, uid: int) -> bool:
    """Whether `directory` is ours, or could be made."""
    try:
        if directory.exists():
            return directory.stat().st_uid == uid and os.access(directory, os.W_OK | os.X_OK)
        parent = next(p for p in directory.parents if p.exists())
        return parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    except OSError:
        return False


def _short(runtime: Path, uid: int) -> Path:
    """`runtime`, or a directory in /tmp named by its hash when a socket in it would be too long."""
    if len(os.fsencode(runtime / SOCKET_NAME)) <= LONGEST_SOCKET:
        return runtime
    import hashlib

    digest = hashlib.sha256(os.fsencode(runtime)).hexdigest()[:12]
    return TEMPORARY / f"fastbuild-{uid}-{digest}"
