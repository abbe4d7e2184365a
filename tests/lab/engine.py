"""A private buildkitd for tests that speak to the engine directly, and its configuration text."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.places import LabError
from tests.lab.processes import Server, Stoppable, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.lab.tools import Tools


def buildkitd_toml(mirror: str, *, plain_http: Sequence[str] = (), gc: bool = False) -> str:
    """docker.io answered by ``mirror`` (host:port); these hosts speak HTTP without TLS.

    Garbage collection is off unless asked for: a disk that fills up during a measurement must not
    turn hits into misses.
    """
    blocks = [f'[registry."docker.io"]\n  mirrors = [{json.dumps(mirror)}]']
    hosts = dict.fromkeys((mirror, *plain_http))
    blocks += [f"[registry.{json.dumps(host)}]\n  http = true" for host in hosts]
    blocks.append(f'[worker.oci]\n  networkMode = "host"\n  gc = {str(gc).lower()}')
    blocks.append("[worker.containerd]\n  enabled = false")
    return "\n".join(blocks) + "\n"


class Buildkitd(Stoppable):
    """A daemon with its own root; ``stop`` removes everything unless ``folder`` was given.

    The folder is short and in /tmp because a socket's path may not exceed 108 bytes.
    """

    def __init__(
        self,
        tools: Tools,
        toml: str,
        *,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        snapshotter: str = "auto",
    ) -> None:
        self._tools = tools
        self._owned = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="fbd-", dir="/tmp"))
        self.root = self.folder / "root"
        self.socket = self.folder / "bk.sock"
        self.log = self.folder / "buildkitd.log"
        self._config = self.folder / "buildkitd.toml"
        self._config.write_text(toml)
        self._snapshotter = snapshotter
        # AWS variables belong in the daemon's environment: it never reads the client's.
        self.env = {**os.environ, **(env or {}), "PATH": tools.path()}
        self._server: Server | None = None
        self.start()

    @property
    def address(self) -> str:
        """For BUILDKIT_HOST and ``buildctl --addr``."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start on the same root: after ``stop_daemon`` or ``kill`` the cache is still there."""
        argv: list[str | Path] = [self._tools.buildkitd, "--config", self._config]
        argv += ["--root", self.root, "--addr", self.address]
        argv += ["--oci-worker-snapshotter", self._snapshotter]
        self._server = Server(argv, env=self.env, log=self.log)
        self._server.wait_for(str(self.socket))

    def stop_daemon(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """As a machine that loses power; leaves the root."""
        if self._server:
            self._server.kill()
            self._server = None

    def stop(self) -> None:
        self.stop_daemon()
        if self._owned:
            remove_tree(self.folder)

    def buildctl(
        self, *words: str | Path, env: Mapping[str, str] | None = None, timeout: float = 1800
    ) -> subprocess.CompletedProcess[str]:
        """Run buildctl to the end; the caller looks at the return code."""
        return subprocess.run(
            [str(word) for word in (self._tools.buildctl, "--addr", self.address, *words)],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )

    def build(self, context: Path, *options: str, dockerfile: Path | None = None) -> str:
        """Build with the Dockerfile frontend; returns the plain progress text, fails loudly."""
        where = dockerfile or context / "Dockerfile"
        done = self.buildctl(
            *("build", "--frontend", "dockerfile.v0", "--progress", "plain"),
            *("--local", f"context={context}", "--local", f"dockerfile={where.parent}"),
            *("--opt", f"filename={where.name}"),
            *options,
        )
        if done.returncode:
            tail = "\n".join(done.stderr.splitlines()[-40:])
            msg = f"build of {where} ended with code {done.returncode}:\n{tail}"
            raise LabError(msg)
        return done.stderr


def remove_tree(folder: Path) -> None:
    """Delete a daemon's root even if a step died and left its file system mounted."""
    inside = f"{folder.resolve()}/"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(inside)), reverse=True):
        run(["umount", "--lazy", mount])
    shutil.rmtree(folder, ignore_errors=True)
