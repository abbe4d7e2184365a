"""Caches that are being written after their builds: one file each, so that none is lost in silence.

    state/exports/<build>.json   what is written, and what came of it
    state/exports/<build>.lock   locked as long as somebody writes; the kernel frees it when he is killed
    state/exports/<build>.log    what a process in the background said

The files hold no build argument, no secret and no address: caches by their labels alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from fastbuild.files import replace_file
from fastbuild.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastbuild.paths import Paths

VERSION = 1
KEPT = 86400.0
"""Seconds after which one that ended well is forgotten."""
LOOK_EVERY = 0.05
"""Seconds between two looks for the end of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One build's export. `started` is in Unix seconds; `result` is running, written or failed."""

    build: str
    context: str
    engine: str
    caches: tuple[str, ...]
    started: float
    pid: int = 0
    result: str = "running"
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Journal:
    """The exports of one user on this machine."""

    folder: Path

    @classmethod
    def of(cls, paths: Paths) -> Journal:
        """This user's; made if need be. Raises UsageError as `make_private` does."""
        folder = paths.ensure().state / "exports"
        make_private(folder, paths.uid)
        return cls(folder)

    def begin(self, entry: Entry) -> int:
        """Note an export; returns the lock, to be kept open until it has ended. Raises OSError."""
        name = self.folder / f"{entry.build}.lock"
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.write(entry)
        return lock

    def write(self, entry: Entry) -> None:
        """Replace what is noted of an export. Raises OSError."""
        replace_file(self._file(entry.build), json.dumps(asdict(entry)).encode("ascii"))

    def log(self, build: str) -> Path:
        """Where a process in the background says what nobody reads."""
        return self.folder / f"{build}.log"

    def forget(self, build: str) -> None:
        """Remove an export's files."""
        for end in ("json", "lock", "log"):
            with suppress(OSError):
                (self.folder / f"{build}.{end}").unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        """All that are noted, oldest first; what can't be read is left out."""
        for file in sorted(self.folder.glob("*.json")):
            with suppress(OSError, ValueError, TypeError, KeyError):
                raw = json.loads(file.read_text(encoding="ascii"))
                if raw["version"] == VERSION:
                    yield Entry(**{**raw, "caches": tuple(raw["caches"]), "problems": tuple(raw["problems"])})

    def runs(self, build: str) -> bool:
        """Whether somebody still writes."""
        try:
            lock = os.open(self.folder / f"{build}.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def ended(self, build: str, end: float) -> Entry | None:
        """What came of an export; None if it still runs at the moment `end` of the monotonic clock.

        One that was killed has the result "running" for good.
        """
        while self.runs(build):
            if time.monotonic() >= end:
                return None
            time.sleep(LOOK_EVERY)
        return next((entry for entry in self.entries() if entry.build == build), None)

    def lost(self) -> Iterator[str]:
        """A sentence for each cache that was not written in the end; each is told once."""
        for entry in list(self.entries()):
            if self.runs(entry.build):
                continue
            if entry.result != "written":
                yield sentence(entry)
            elif entry.problems:
                yield from entry.problems
            elif time.time() - entry.started < KEPT:
                continue  # `cache flush` may still ask for it
            self.forget(entry.build)

    def _file(self, build: str) -> Path:
        return self.folder / f"{build}.json"


def lost(paths: Paths) -> list[str]:
    """As `Journal.lost`; nothing where nothing can be read. Makes nothing."""
    journal = Journal(paths.state / "exports")
    return list(journal.lost()) if journal.folder.is_dir() else []


def sentence(entry: Entry) -> str:
    """What came of an export that has ended, for people."""
    caches = ", ".join(entry.caches)
    if entry.result == "written":
        more = "".join(f"\n{problem}" for problem in entry.problems)
        return f"cache: {caches} of build {entry.build} written in {entry.seconds:.1f} s{more}"
    why = "; ".join(problem.removeprefix("cache: ") for problem in entry.problems)
    why = why or "what wrote it was ended before it was done"
    return f"cache: the cache of build {entry.build} was not written ({caches}): {why}"
