"""Locks about the private engine: leases of builds on it, and the one held to start or stop it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Lease:
    """A build's claim on the engine: it is not stopped for idleness while one is held.

    The lock goes with the process, so a killed build leaves none behind; children don't inherit it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.share()

    def share(self) -> None:
        """Hold it; waits (milliseconds) while the engine is being stopped."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        os.utime(self._descriptor)

    def alone(self) -> bool:
        """Whether nobody else holds one; then nobody can get one until `share` is called."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """End the claim and note the time; more than once is harmless."""
        if self._descriptor >= 0:
            os.utime(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` alone; the kernel frees it when a holder is killed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
