"""Start, adopt and end the private buildkitd, and keep the record of what runs.

The caller (`engines.daemon`) holds the lock for everything here that changes something.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbuild.engines import supervisor
from fastbuild.errors import EngineError
from fastbuild.process import Command, start_detached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.engines.daemon_settings import DaemonSettings

START_SECONDS = 30.0
"""BuildKit needs less than 0.1 s; a slow disk with a large store more."""
LARGEST_LOG = 10_000_000
"""Bytes; a larger one is set aside when the engine starts."""
_LAST_WORDS = 4000
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))

Record = dict[str, Any]
"""`argv`, `lease`, `idle_seconds`, `socket`, `credentials`, `wanted` (the settings it was started
with), and from the supervisor `pid`, `started`, `supervisor`, `supervisor_started` (see
`supervisor.process_started`)."""


def read(path: Path) -> Record | None:
    """The record of the engine started last, running or not."""
    try:
        record: Record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record


def connected(path: Path, patience: float = 2.0) -> Record | None:
    """The record when its engine answers within `patience` seconds: old files can't fool this test."""
    record = read(path)
    return record if record and "pid" in record and answers(record["socket"], patience) else None


def answers(socket: str, patience: float) -> bool:
    """Whether a gRPC server greets us on a Unix socket.

    Connecting is not enough: buildkitd listens before it has a worker, and may still die. Format: RFC 9113
    section 3.4, the client's preface with an empty SETTINGS frame; the server's own SETTINGS comes first.
    """
    import _socket  # `socket` itself takes longer to import than everything else here

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(patience)
        connection.connect(socket)
        connection.send(_PREFACE)
        return bool(connection.recv(9))
    except OSError:
        return False
    finally:
        connection.close()


def is_supervised(record: Record) -> bool:
    """Whether the supervisor is alive."""
    started: int | None = record["supervisor_started"]
    return supervisor.process_started(record["supervisor"]) == started


def end(record: Record) -> bool:
    """Stop a recorded engine and its supervisor; whether there was any."""
    if "pid" not in record:
        return False
    started: int | None = record["started"]
    alive = supervisor.process_started(record["pid"]) == started
    # the supervisor passes TERM on and waits; it gets longer than it gives
    supervisor.terminate(record["supervisor"], record["supervisor_started"], supervisor.TERM_SECONDS + 2)
    supervisor.terminate(record["pid"], started)
    return alive


def adopt(settings: DaemonSettings) -> None:
    """Give a running engine whose supervisor was killed a new one."""
    _supervise(settings, {}, "adopt")


def start(settings: DaemonSettings, environ: Mapping[str, str], wanted: list[object]) -> Record:
    """Start an engine and wait until it accepts connections; ends what a record says still hangs about.

    Raises EngineError with the engine's last words when it dies or takes longer than `START_SECONDS`.
    """
    if (old := read(settings.record)) is not None:
        end(old)
    settings.stale.unlink(missing_ok=True)
    record: Record = {
        "argv": _argv(settings, environ, str(wanted[-1])),
        "lease": str(settings.lease),
        "idle_seconds": settings.idle_seconds,
        "socket": str(settings.paths.socket),
        "credentials": str(settings.credentials),
        "wanted": wanted,
    }
    if not settings.credentials.exists():
        write_private(str(settings.credentials), "")
    if settings.log.exists() and settings.log.stat().st_size > LARGEST_LOG:
        settings.log.replace(settings.log.with_suffix(".log.1"))
    logged = settings.log.stat().st_size if settings.log.exists() else 0
    write_private(str(settings.record), json.dumps(record))
    from fastbuild.engines.launch import environment

    child = _supervise(settings, environment(settings, environ))
    return _wait(settings, child, logged)


def write_private(path: str, text: str) -> None:
    """Replace a file atomically by one that only we can read."""
    temporary = f"{path}.{os.getpid()}"
    Path(temporary).unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(temporary).replace(path)


def _argv(settings: DaemonSettings, environ: Mapping[str, str], config: str) -> tuple[str, ...]:
    from fastbuild.engines import launch

    runtime = launch.require_runtime(settings, environ)
    uid = settings.paths.uid
    rootlesskit = launch.require_rootlesskit(environ, uid) if uid else ""
    chosen = launch.chosen(config)
    ours = settings.paths.runtime / "buildkitd.toml"
    write_private(str(ours), config)
    return launch.arguments(settings, config=ours, chosen=chosen, runtime=runtime, rootlesskit=rootlesskit)


def _supervise(settings: DaemonSettings, base: Mapping[str, str], *words: str) -> int:
    """-I -S: neither the current folder nor site-packages can slow it down or change what it runs."""
    argv = (sys.executable, "-I", "-S", supervisor.__file__, str(settings.record), *words)
    return start_detached(Command(argv=argv, cwd="/"), log=settings.log, base=base)


def _wait(settings: DaemonSettings, child: int, logged: int) -> Record:
    end_of_patience = time.monotonic() + START_SECONDS
    while (left := end_of_patience - time.monotonic()) > 0:
        if (record := connected(settings.record, left)) is not None:
            return record
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            raise _died("the engine ended while it started", settings, logged)
        time.sleep(0.002)
    if (record := read(settings.record)) is not None:
        end(record)
    raise _died(f"the engine did not start within {START_SECONDS:g} seconds", settings, logged)


def _died(what: str, settings: DaemonSettings, logged: int) -> EngineError:
    from fastbuild.engines.launch import hint

    with settings.log.open("rb") as file:
        file.seek(max(logged, settings.log.stat().st_size - _LAST_WORDS))
        words = file.read().decode("utf-8", "replace").strip()
    return EngineError(
        f"{what}; its last words:\n{words}" if words else what,
        fix=hint(words) or f"read {settings.log}, or use another engine (BUILDKIT_HOST, --engine)",
    )
