"""Where the lab keeps what it built, and how it tells a person what takes long."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class LabError(Exception):
    """Something the lab needs is missing; the message says what to do."""


def lab_dir() -> Path:
    """``$FASTBUILD_LAB``, else the user's cache, else (unwritable HOME) a folder in /tmp."""
    if chosen := os.environ.get("FASTBUILD_LAB"):
        path = Path(chosen).absolute()
        path.mkdir(parents=True, exist_ok=True)
        return path
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    for path in (Path(cache) / "fastbuild-lab", Path(f"/tmp/fastbuild-lab-{os.getuid()}")):
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)
            if os.access(path, os.W_OK):
                return path
    msg = "no writable place for the lab: set FASTBUILD_LAB to a directory"
    raise LabError(msg)


def digest(*parts: str) -> str:
    """A short name for a set of inputs; changed inputs give a new cache entry."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """One line on stderr for one thing that takes time, with its seconds."""
    start = time.monotonic()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        seconds = time.monotonic() - start
        print(f"lab: {what} … {outcome} in {seconds:.1f} s", file=sys.stderr, flush=True)


@contextlib.contextmanager
def making(target: Path) -> Iterator[Path | None]:
    """Give an empty folder to fill, which becomes ``target`` at the end; None if it exists.

    Several test processes may ask for the same thing at once: the first makes it, the others wait.
    A half-made folder never gets the final name.
    """
    if target.exists():
        yield None
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            yield None
            return
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        draft.chmod(0o755)
        try:
            yield draft
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
