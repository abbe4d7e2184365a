"""A `fastbuild build` under way: wait for a line of its log, send it signals, look for what it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.live.builds import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.runner import Runner


def wait_until(holds: Callable[[], object], seconds: float) -> bool:
    """Whether a condition came true within some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def processes(wanted: str) -> list[str]:
    """The command lines, joined by blanks, of all processes that have a text in theirs."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if wanted in line and int(entry.name) != os.getpid():
                found.append(line.strip())
    return found


@dataclass
class Started:
    """`fastbuild build` in the background, all its output gathered."""

    runner: Runner
    temporary: Path
    record: Path
    pid: int = 0
    output: bytearray = field(default_factory=bytearray)
    _wait: Callable[[], int] = lambda: 0

    @property
    def text(self) -> str:
        """What it printed so far."""
        return self.output.decode("utf-8", "replace")

    def saw(self, text: str, seconds: float = 30) -> None:
        """Return when a text was printed; fail otherwise."""
        assert wait_until(lambda: text in self.text, seconds), f"no {text!r} in:\n{self.text}"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> tuple[int, float]:
        """The exit code, and the seconds until it was there."""
        began = time.monotonic()
        codes: list[int] = []
        waiting = threading.Thread(target=lambda: codes.append(self._wait()))
        waiting.start()
        waiting.join(20)
        if not codes:
            os.kill(self.pid, signal.SIGKILL)
            waiting.join()
            raise AssertionError(f"still running after 20 s:\n{self.text}")
        return codes[0], time.monotonic() - began

    def written(self) -> dict[str, Any]:
        """The record it wrote."""
        found = json.loads(self.record.read_text())
        assert isinstance(found, dict)
        return found

    def left(self) -> list[str]:
        """Files left in its temporary directory."""
        return sorted(path.name for path in self.temporary.iterdir())


def _arguments(started: Started, args: tuple[str, ...]) -> list[str]:
    return command("build", "--record", str(started.record), *args)


def _new(runner: Runner) -> Started:
    temporary = runner.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    record = runner.folder / "interrupted.json"
    record.unlink(missing_ok=True)
    return Started(runner, temporary, record)


@contextlib.contextmanager
def _followed(started: Started, popen: subprocess.Popen[bytes], output: int) -> Iterator[None]:
    """Gather what it prints to a descriptor; kill it at the end if it still runs."""
    reading = threading.Thread(target=_read, args=(output, started.output))
    reading.start()

    def wait() -> int:
        code = popen.wait()
        reading.join(5)
        return code

    started.pid = popen.pid
    started._wait = wait
    try:
        yield
    finally:
        if popen.poll() is None:
            popen.kill()
        wait()


@contextlib.contextmanager
def in_background(
    runner: Runner, *args: str, stdin: int = subprocess.DEVNULL, **env: str
) -> Iterator[Started]:
    """Started as a CI system does: no terminal, a group of its own."""
    started = _new(runner)
    popen = subprocess.Popen(
        _arguments(started, args),
        env={**runner.env, "TMPDIR": str(started.temporary), **env},
        cwd=runner.folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert popen.stdout is not None
    with popen.stdout as output, _followed(started, popen, output.fileno()):
        yield started


@contextlib.contextmanager
def on_a_terminal(runner: Runner, *args: str, **env: str) -> Iterator[tuple[Started, int]]:
    """Started in the foreground of a new terminal; yields its controlling side as well."""
    started = _new(runner)
    arguments = _arguments(started, args)
    environ = {**runner.env, "TMPDIR": str(started.temporary), "TERM": "xterm", **env}
    # a helper makes the terminal its own: forking this process, which has threads, could lock up
    master, slave = pty.openpty()
    helper = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    popen = subprocess.Popen(
        [arguments[0], "-c", helper, *arguments],
        env=environ,
        cwd=runner.folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        with _followed(started, popen, master):
            yield started, master
    finally:
        os.close(master)


def _read(descriptor: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):  # a terminal whose last user is gone answers with EIO
        while data := os.read(descriptor, 65536):
            into += data
