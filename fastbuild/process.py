"""The one door to other programs: start, stream, stop.

A program is described by a `Command`, an immutable value; engines make commands, this module runs them.
Children get their own session, so that a Ctrl-C in the terminal reaches fastbuild first, which then stops
them in three steps: INT, TERM, KILL.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import BinaryIO

STOP_GRACE = 0.3
"""Seconds between INT and TERM, and between TERM and KILL: together under a second."""
CLOSING = b"\0"
"""Marks what a program said on standard error, where its progress is on standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its arguments and the environment variables it gets on top of ours.

    `secret_env` is like `env` but never shown. With `merged`, standard output joins standard error.
    With `reports_on_stdout`, `Running` reads standard output, and then standard error, each of whose
    lines gets `CLOSING` before it. `answer` is a file that standard output goes to instead of ours.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    secret_env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cwd: str | None = None
    merged: bool = False
    reports_on_stdout: bool = False
    answer: str = ""
    description: str = field(default="", compare=False)

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with this command's additions."""
        return {**base, **dict(self.env), **dict(self.secret_env)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The end of a program; `returncode` is negative when a signal ended it."""

    returncode: int
    stdout: str
    stderr: str


def run(
    command: Command, *, timeout: float | None = None, stdin: str | None = None, errors: str = "replace"
) -> Completed:
    """Run to the end and keep the output.

    `errors` is what bytes become that are not UTF-8, as in `bytes.decode`: "surrogateescape" for file names.
    Raises EngineError when the program can't be started or takes longer than `timeout` seconds.
    """
    try:
        with uninterrupted():
            popen = subprocess.Popen(
                command.argv,
                env=command.environ(os.environ),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors=errors,
            )
            _WAITED_FOR.add(popen)
    except OSError as error:
        raise _not_started(command, error) from error
    with popen:
        try:
            stdout, stderr = popen.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                f"{command.argv[0]} gave no answer within {timeout:g} seconds",
                fix="run it by hand to see where it hangs: " + " ".join(command.argv[:4]),
            ) from error
        finally:
            popen.kill()  # does nothing when it has ended
            _WAITED_FOR.discard(popen)
    return Completed(returncode=popen.returncode, stdout=stdout, stderr=stderr)


_WAITED_FOR: set[subprocess.Popen[str] | subprocess.Popen[bytes]] = set()


@atexit.register
def _kill_rest() -> None:
    """What a background thread of ours still waits for must not outlive us."""
    for popen in tuple(_WAITED_FOR):
        popen.kill()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that come in here are delivered at its end; keep it short.

    For what breaks when an exception comes out of nowhere: Popen loses the child it just started, C code
    that calls Python may crash. They can't be blocked instead: a child would inherit that. Only the main
    thread gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    watched = [n for n in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(n))]
    before = {number: signal.signal(number, note) for number in watched}
    try:
        yield
    finally:
        for watching, handler in before.items():
            signal.signal(watching, handler)
        for number in came:
            signal.raise_signal(number)


class Conversation:
    """A program that answers on standard output what it is asked on standard input, such as `git cat-file`.

    Whoever asks reads the whole answer before asking more than a pipe holds (64 KiB on Linux). Standard error
    is thrown away. Raises EngineError when the program can't be started or has ended before its answer.
    """

    def __init__(self, command: Command) -> None:
        self._name = command.argv[0]
        try:
            with uninterrupted():
                self._popen = subprocess.Popen(
                    command.argv,
                    env=command.environ(os.environ),
                    cwd=command.cwd,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                _WAITED_FOR.add(self._popen)
        except OSError as error:
            raise _not_started(command, error) from error
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin, self._stdout = self._popen.stdin, self._popen.stdout

    def __enter__(self) -> Conversation:
        """Closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, question: bytes) -> None:
        """Send these bytes."""
        try:
            self._stdin.write(question)
            self._stdin.flush()
        except (OSError, ValueError) as error:
            raise self._ended() from error

    def line(self) -> bytes:
        """The next line of the answer, without its newline."""
        line = self._stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        return line[:-1]

    def read(self, size: int) -> bytes:
        """Exactly the next `size` bytes of the answer."""
        data = self._stdout.read(size)
        if len(data) < size:
            raise self._ended()
        return data

    def close(self) -> None:
        """End the program; it is not asked again."""
        self._popen.kill()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()
        self._popen.wait()
        _WAITED_FOR.discard(self._popen)

    def _ended(self) -> EngineError:
        return EngineError(
            f"{self._name} ended before it answered",
            cause="it was killed, or it refuses what it was asked",
            fix="run it by hand to see what it says",
        )


class Running:
    """A started program whose standard error is read line by line (or standard output: see `Command`)."""

    def __init__(self, command: Command, *, pass_fds: tuple[int, ...] = ()) -> None:
        self._both = command.reports_on_stdout
        self._stopping = threading.Lock()
        try:
            with _stdout(command) as stdout, uninterrupted():
                self._popen = subprocess.Popen(
                    command.argv,
                    env=command.environ(os.environ),
                    cwd=command.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=subprocess.STDOUT if command.merged else subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=pass_fds,
                )
        except OSError as error:
            raise _not_started(command, error) from error
        except BaseException:
            if hasattr(self, "_popen"):
                self.stop()
                self._popen.communicate()
            raise

    @property
    def pid(self) -> int:
        """The child's process id, which is also its process group."""
        return self._popen.pid

    def lines(self, on_line: Callable[[bytes], None]) -> int:
        """Call `on_line` for each line of standard error (without its newline); return the exit code."""
        output = self._popen.stdout if self._both else self._popen.stderr or self._popen.stdout
        assert output is not None
        with output, self._closing_words() as closing:
            for line in output:
                on_line(line.rstrip(b"\r\n"))
        for line in closing:
            on_line(CLOSING + line.rstrip(b"\r\n"))
        return self._popen.wait()

    @contextmanager
    def _closing_words(self) -> Iterator[list[bytes]]:
        """The lines of standard error, complete on leaving; none where it is what `lines` reads."""
        lines: list[bytes] = []
        errors = self._popen.stderr if self._both else None
        if errors is None:
            yield lines
            return

        def drain() -> None:
            with errors:
                lines.extend(errors)

        thread = threading.Thread(target=drain, daemon=True)
        thread.start()
        yield lines
        thread.join()  # not when interrupted: the child still lives

    def stop(self) -> None:
        """INT, then TERM, then KILL to the whole process group; returns when the child is gone.

        What the child leaves of its group (a shell's background jobs ignore INT) is killed at once.
        """
        with self._stopping:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                if self._popen.poll() is None:
                    _signal_group(self.pid, number)
                if self._gone_within(STOP_GRACE):
                    break
            _signal_group(self.pid, signal.SIGKILL)

    def _gone_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._popen.poll() is not None:
                return True
            time.sleep(0.01)
        return False


def start_detached(
    command: Command,
    *,
    log: Path,
    pass_fds: tuple[int, ...] = (),
    base: Mapping[str, str] | None = None,
) -> int:
    """Start a program that outlives us, its output appended to `log`; returns its process id.

    `base` is the environment it gets instead of ours: what outlives us should not keep our secrets.
    """
    with log.open("ab") as output:
        try:
            popen = subprocess.Popen(
                command.argv,
                env=command.environ(os.environ if base is None else base),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=pass_fds,
            )
        except OSError as error:
            raise _not_started(command, error) from error
    popen.returncode = 0  # it is meant to outlive us: no ResourceWarning for a child not waited for
    return popen.pid


@contextmanager
def _stdout(command: Command) -> Iterator[BinaryIO | int | None]:
    if command.answer:
        with Path(command.answer).open("wb") as file:
            yield file
    else:
        yield subprocess.PIPE if command.merged or command.reports_on_stdout else None


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _not_started(command: Command, error: OSError) -> EngineError:
    return EngineError(
        f"{command.argv[0]} could not be started: {error.strerror}",
        cause="it is not installed, not executable, or its arguments are too long",
        fix="run `fastbuild doctor` to see what was found",
    )
