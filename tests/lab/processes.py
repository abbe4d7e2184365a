"""Programs the lab runs: to the end (``run``) or in the background (``Server``)."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab.places import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

# Kills the server's process group when its standard input closes, which happens even when the
# test process itself was killed with SIGKILL: so nothing is ever left running.
# The long form `-s TERM --` because dash takes no process group after `-TERM`.
GUARD = """
read -r _
kill -s TERM -- "-$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; kill -s 0 -- "-$1" || exit; done
kill -s KILL -- "-$1"
"""


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 1800,
) -> str:
    """Run to the end and return stdout; on failure the error carries the last lines of output."""
    command = [str(word) for word in argv]
    try:
        done = subprocess.run(
            command,
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{shlex.join(command)}: {error}"
        raise LabError(msg) from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        msg = f"{shlex.join(command)} ended with code {done.returncode}:\n{tail}"
        raise LabError(msg)
    return done.stdout


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_connect(address: str) -> bool:
    """Whether someone listens on ``host:port`` or on a socket path."""
    family = socket.AF_UNIX if address.startswith("/") else socket.AF_INET
    host, _, port = address.rpartition(":")
    with socket.socket(family) as probe, contextlib.suppress(OSError):
        probe.settimeout(1)
        probe.connect(address if family == socket.AF_UNIX else (host, int(port)))
        return True
    return False


class Stoppable(ABC):
    """Something that runs; as a context manager, for as long as its block."""

    @abstractmethod
    def stop(self) -> None:
        """End it; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Server(Stoppable):
    """A program in the background with its log in a file."""

    def __init__(self, argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> None:
        self.argv = [str(word) for word in argv]
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal must not take the guard first
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_for(self, address: str, *, seconds: float = 20) -> None:
        """Return when ``address`` accepts connections; fail with the log's end otherwise."""
        deadline = time.monotonic() + seconds
        while not can_connect(address):
            if not self.alive or time.monotonic() > deadline:
                why = "no answer" if self.alive else f"ended with code {self._process.returncode}"
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                self.stop()
                msg = f"{Path(self.argv[0]).name} at {address}: {why}; log {self.log}:\n{tail}"
                raise LabError(msg)
            time.sleep(0.01)

    def stop(self, *, grace: float = 10) -> None:
        """TERM, then KILL for the whole group; safe to call twice."""
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if not self.alive:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin:
            self._guard.stdin.close()

    def kill(self) -> None:
        """End it without a chance to clean up, as a machine that loses power does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self.stop()
