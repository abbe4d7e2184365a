"""Debian's docker engine (20.10) for the plain engine's tests, apart from any other on the machine."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.engine import remove_tree
from tests.lab.packages import ensure_docker
from tests.lab.places import LabError
from tests.lab.processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Dockerd:
    """A running engine that takes docker.io's images from the lab's registry.

    It has no bridge, so RUN steps need `--network host`.
    """

    folder: Path

    @property
    def host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self.folder}/d.sock"

    def client(self) -> Any:
        """The docker SDK's client."""
        import docker

        return docker.DockerClient(base_url=self.host)


@contextlib.contextmanager
def dockerd(registry: str) -> Iterator[Dockerd]:
    """Start the engine, skip where it can't run, and leave nothing running or mounted."""
    folder = Path(tempfile.mkdtemp(prefix="fbk-", dir="/tmp"))
    try:
        with _server(folder, registry):
            yield Dockerd(folder)
    finally:
        remove_tree(folder)


def _server(folder: Path, registry: str) -> Server:
    try:
        program = ensure_docker()
        config = folder / "daemon.json"
        config.write_text(json.dumps(_settings(folder, registry)))
        argv: list[str | Path] = [program, "--config-file", config, "--host", f"unix://{folder}/d.sock"]
        server = Server(argv, env=os.environ, log=folder / "dockerd.log")
        server.wait_for(f"{folder}/d.sock", seconds=60)
    except LabError as error:
        pytest.skip(f"Debian's docker engine does not run here: {error}")
    return server


def _settings(folder: Path, registry: str) -> dict[str, object]:
    return {
        "pidfile": f"{folder}/pid",
        "data-root": f"{folder}/root",
        "exec-root": f"{folder}/exec",
        "iptables": False,
        "ip6tables": False,
        "bridge": "none",
        "registry-mirrors": [f"http://{registry}"],
        "insecure-registries": [registry],
    }
