"""The parent of the private buildkitd: stops it when nobody used it for a while.

Run as a program of its own (`python -I -S supervisor.py RECORD [adopt]`), so it imports nothing but a few
modules of the standard library: it idles for hours beside every engine. RECORD is the JSON file that
`engines.daemon` wrote (`argv`, `lease`, `idle_seconds`, …); the process ids are added to it.

Use is seen from the lease file: builds hold a shared lock on it, its time is the last use. While stopping,
the exclusive lock is kept, so that a build that starts in that moment waits and then starts a new engine
instead of losing the old one in mid-build. `adopt` takes over an engine whose supervisor was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TERM_SECONDS = 1.0
"""How long buildkitd may take to end after TERM, before KILL: it needs milliseconds, unless it waits for
a cache server that does not answer; its store survives a KILL."""
_LONGEST_POLL, _SHORTEST_POLL = 5.0, 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def process_started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie.

    Together with the pid it names a process for good: pids are used again. Format: proc_pid_stat(5).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs memory here
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def terminate(pid: int, started: int | None, seconds: float = TERM_SECONDS) -> None:
    """TERM to the process, after `seconds` KILL to its group; returns when it is gone."""
    if _signal(os.kill, pid, started, signal.SIGTERM) and not _gone_within(pid, started, seconds):
        _signal(os.killpg, pid, started, signal.SIGKILL)
        _gone_within(pid, started, seconds)


def take_exclusive(lease: str) -> int | None:
    """The lease file locked for ourselves alone, or None when a build is using the engine.

    Opened anew each time: a cleaner of /tmp may have removed the file that others lock by now.
    """
    descriptor = os.open(lease, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _signal(send: Callable[[int, int], None], pid: int, started: int | None, number: int) -> bool:
    if started is None or process_started(pid) != started:
        return False
    try:
        send(pid, number)
    except OSError:
        return False
    return True


def _gone_within(pid: int, started: int | None, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while process_started(pid) == started:
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def _write(path: str, record: dict[str, object]) -> None:
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(record, file)
    os.rename(temporary, path)  # noqa: PTH104 - as above


def _watch(pid: int, started: int | None, lease: str, idle_seconds: float) -> None:
    """Until the engine is gone, we are told to stop, or nobody used it for `idle_seconds` (0: for ever)."""
    poll = min(max(idle_seconds / 10, _SHORTEST_POLL), _LONGEST_POLL)
    last_use = time.time()
    while process_started(pid) == started:
        told = signal.sigtimedwait(_SIGNALS, poll)
        if told is not None and told.si_signo in (signal.SIGTERM, signal.SIGINT):
            return terminate(pid, started)
        if not idle_seconds:
            continue
        lock = take_exclusive(lease)
        if lock is None:
            last_use = time.time()
            continue
        last_use = max(last_use, os.fstat(lock).st_mtime)
        if time.time() - last_use >= idle_seconds:
            sys.stderr.write(f"fastbuild: not used for {idle_seconds:g} s, stopping\n")
            return terminate(pid, started)  # the lock goes with this process
        os.close(lock)
    sys.stderr.write("fastbuild: buildkitd ended by itself\n")
    return None


def main(path: str, *, adopt: bool) -> None:
    """Start (or adopt) the engine described by the record at `path` and stay with it."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as above
        record = json.load(file)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    if not adopt:
        argv = record["argv"]
        pid = os.posix_spawn(
            argv[0], argv, os.environ, setpgroup=0, setsigmask=[], setsigdef=[signal.SIGPIPE]
        )
        record.update(pid=pid, started=process_started(pid))
    own = os.getpid()
    record.update(supervisor=own, supervisor_started=process_started(own))
    _write(path, record)
    _watch(record["pid"], record["started"], record["lease"], record["idle_seconds"])


if __name__ == "__main__":
    main(sys.argv[1], adopt=sys.argv[2:] == ["adopt"])
