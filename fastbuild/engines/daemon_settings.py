"""What decides how the private engine runs, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.engines.toolchain import Toolchain
    from fastbuild.paths import Paths

IDLE_SECONDS = 15 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """Everything that decides how the private engine runs.

    `config` is the user's buildkitd.toml (None: the usual places); `idle_seconds` of 0 means for ever;
    `allow` are insecure entitlements such as `security.insecure`. `runtime` is the OCI runtime to use instead
    of the one that is found (see `engines.traced`).
    """

    paths: Paths
    toolchain: Toolchain
    config: Path | None = None
    idle_seconds: float = IDLE_SECONDS
    allow: tuple[str, ...] = ()
    runtime: Path | None = None

    @property
    def root(self) -> Path:
        """BuildKit's own directory."""
        return self.paths.data / "engine"

    @property
    def folder(self) -> Path:
        """Our notes about the engine."""
        return self.paths.state / "engine"

    @property
    def log(self) -> Path:
        """What buildkitd and its supervisor print."""
        return self.folder / "buildkitd.log"

    @property
    def record(self) -> Path:
        """What runs; see `starting.Record`."""
        return self.folder / "record.json"

    @property
    def lock(self) -> Path:
        """Held while starting or stopping."""
        return self.folder / "lock"

    @property
    def lease(self) -> Path:
        """Leases; see `lease.Lease`."""
        return self.folder / "in-use"

    @property
    def stale(self) -> Path:
        """Exists when the engine must be restarted before it is used: see `daemon.restart_next_time`."""
        return self.folder / "stale"

    @property
    def credentials(self) -> Path:
        """Where a new engine looks for AWS credentials."""
        return self.paths.runtime / "aws-credentials"
