"""Ctrl-C and SIGTERM while a command builds."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise Interrupted, once; what was started is stopped on the way out.

    After the first one they stay ignored until the process is gone: a second one changes no exit code.
    """

    def interrupt(number: int, _frame: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        raise Interrupted(number)

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a finalizer or weakref callback: send it once more."""
        if not isinstance(unraisable.exc_value, Interrupted):
            hook(unraisable)
            return
        for number in before:
            signal.signal(number, interrupt)
        again = unraisable.exc_value.exit_code - 128
        threading.Timer(0.01, os.kill, (os.getpid(), again)).start()

    hook, sys.unraisablehook = sys.unraisablehook, lost
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)


@contextmanager
def workdir(prefix: str = "fastbuild-") -> Iterator[Path]:
    """A temporary directory. No interrupt comes between its making and the promise to remove it."""
    both = (signal.SIGINT, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, both)
    try:
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            try:
                yield Path(folder)
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, both)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
