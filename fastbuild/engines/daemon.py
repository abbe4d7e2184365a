"""The private buildkitd: one per user, started when needed, stopped when idle.

    state/engine/in-use        leases: a build holds a shared lock on it, its time is the last use
    state/engine/lock          held while starting or stopping
    state/engine/record.json   what runs: pids, address, version, settings
    runtime/                   socket, configuration, AWS credentials
    data/engine/               BuildKit's root, the local cache

What must be one per root lies in state and data, for the runtime directory of one user differs between a
login and a cron job; the record tells where the socket is.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.engines import starting, supervisor
from fastbuild.engines.launch import read_config
from fastbuild.engines.lease import Lease, locked
from fastbuild.errors import UsageError
from fastbuild.paths import make_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.engines.daemon_settings import DaemonSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A running engine. `store_was_empty`: it held no snapshot when we came, so nothing can hit locally.

    `note` is a sentence for the user, mostly "".
    """

    address: str
    pid: int
    version: str
    store_was_empty: bool
    lease: Lease
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `status` found. Bytes and seconds; `idle_left` is None when in use, stopped or unlimited."""

    running: bool
    in_use: bool
    pid: int | None
    version: str
    address: str
    root: str
    log: str
    disk_used: int
    idle_left: float | None


def ensure_running(settings: DaemonSettings, environ: Mapping[str, str]) -> Daemon:
    """The engine, started if need be, with a lease on it that the caller must release.

    An engine that runs with other settings is restarted when nobody uses it. Safe to call from many
    processes at once. Raises EngineError when it does not start within 30 seconds, with its last words,
    and UsageError for a bad configuration.
    """
    paths = settings.paths.ensure()
    make_private(settings.folder, paths.uid)
    config = read_config(settings.config, environ)
    wanted = [settings.toolchain.version, settings.idle_seconds, *settings.allow, config]
    lease = Lease(settings.lease)
    try:
        record, note = starting.connected(settings.record), ""
        stale = settings.stale.exists()
        if record is None or record["wanted"] != wanted or stale or not starting.is_supervised(record):
            with locked(settings.lock):
                record, note = _settle(settings, environ, lease, wanted)
        return Daemon(
            address=f"unix://{record['socket']}",
            pid=record["pid"],
            version=record["wanted"][0],
            store_was_empty=store_is_empty(settings.root),
            lease=lease,
            note=note,
        )
    except BaseException:
        lease.release()
        raise


def _settle(
    settings: DaemonSettings, environ: Mapping[str, str], lease: Lease, wanted: list[object]
) -> tuple[starting.Record, str]:
    """Under the lock: start, restart or adopt, whatever is needed by now."""
    record, note = starting.connected(settings.record, starting.START_SECONDS), ""
    if record is not None and (record["wanted"] != wanted or settings.stale.exists()):
        if lease.alone():
            starting.end(record)
            record = None
        elif record["wanted"] != wanted:
            note = "the engine is in use and keeps its earlier settings until it is idle"
    lease.share()
    if record is not None and not starting.is_supervised(record):
        starting.adopt(settings)
    # asked again: it may have been stopped for idleness while the lease was let go
    record = starting.connected(settings.record)
    return record or starting.start(settings, environ, wanted), note


def restart_next_time(settings: DaemonSettings) -> None:
    """Have the next build restart the engine: one was interrupted while it read a cache.

    A cancelled import goes on waiting for its server and keeps every later build waiting too (seen with
    BuildKit v0.34.1). Not now: an interrupt must be quick, and an engine that waits takes a second to end.
    """
    settings.stale.touch()


def stop(settings: DaemonSettings) -> bool:
    """Stop the engine, in use or not; False when none ran. The cache stays."""
    if not settings.folder.is_dir():
        return False
    with locked(settings.lock):
        record = starting.read(settings.record)
        return record is not None and starting.end(record)


def store_is_empty(root: Path) -> bool:
    """Whether BuildKit's root holds no snapshot at all; costs a directory listing of one entry.

    Layout: `runc-<snapshotter>/snapshots/snapshots/<n>` (worker/runc and containerd's snapshotters).
    """
    for snapshots in root.glob("runc-*/snapshots/snapshots"):
        with os.scandir(snapshots) as entries:
            if next(entries, None) is not None:
                return False
    return True


def status(settings: DaemonSettings) -> Status:
    """What runs, and what it takes; changes nothing. Counting the disk may take a second."""
    record = starting.connected(settings.record)
    in_use, idle_left = False, None
    if record is not None:
        lock = supervisor.take_exclusive(record["lease"])
        in_use = lock is None
        if lock is not None:
            if limit := float(record["idle_seconds"]):
                idle_left = max(0.0, limit - (time.time() - os.fstat(lock).st_mtime))
            os.close(lock)
    return Status(
        running=record is not None,
        in_use=in_use,
        pid=record["pid"] if record else None,
        version=record["wanted"][0] if record else settings.toolchain.version,
        address=f"unix://{record['socket'] if record else settings.paths.socket}",
        root=str(settings.root),
        log=str(settings.log),
        disk_used=_disk_used(str(settings.root)),
        idle_left=idle_left,
    )


def hand_over(settings: DaemonSettings, credentials: tuple[str, str, str | None] | None) -> None:
    """Give the engine AWS credentials (key id, secret, session token), or take them away with None.

    A file, not the engine's environment: the environment of a running process can't be changed, and
    one engine outlives the job, whose credentials expire within hours; a restart would lose warm state
    and other builds. Nor cache attributes: BuildKit writes those into its history and traces, and they
    stand in buildctl's argv. BuildKit makes its S3 client, and the AWS SDK reads this file, anew for
    each import and export. The file is the engine's only source (see `launch.environment`), 0600, and
    replaced atomically. Call it after `ensure_running`; two builds at the same time with different
    credentials use the later one's. Raises UsageError for values that would break the file's format.
    """
    record = starting.read(settings.record)
    target = record["credentials"] if record else str(settings.credentials)
    lines = ["[default]\n"] if credentials else []
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    for name, value in zip(names, credentials or (), strict=False):
        if value and (" " in value or not value.isprintable()):
            raise UsageError(f"the AWS credentials are malformed: {name} holds blanks or newlines")
        lines += [f"{name} = {value}\n"] if value else []
    starting.write_private(target, "".join(lines))


def _disk_used(root: str) -> int:
    """Bytes on disk below `root`: hard links once, mounts of running steps not at all."""
    total, seen, folders = 0, set[int](), [root]
    try:
        device = os.stat(root).st_dev  # noqa: PTH116 - strings: there may be a million files
    except OSError:
        return 0
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    stat = entry.stat(follow_symlinks=False)
                    if stat.st_dev != device or stat.st_ino in seen:
                        continue
                    if stat.st_nlink > 1:
                        seen.add(stat.st_ino)
                    total += stat.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            continue  # removed meanwhile, or owned by an id of the user namespace
    return total
