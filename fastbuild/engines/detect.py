"""Which engine builds, and why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import process
from fastbuild.engines import toolchain
from fastbuild.engines.docker_config import config_folder, docker_config
from fastbuild.errors import EngineError, UsageError
from fastbuild.process import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.engines.api import Engine
    from fastbuild.paths import Paths
    from fastbuild.request import BuildRequest

NAMES = ("buildctl", "buildx", "private", "docker")

PROBE_TIMEOUT = 20.0
"""Seconds that `docker buildx inspect` may take."""

PLUGIN_DIRS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where docker looks for plug-ins (docker/cli, cli-plugins/manager)."""

INSTALL = "run `fastbuild engine install`, set BUILDKIT_HOST, or install docker with buildx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The engine that builds: `name` as in `--engine`, how to call it, and why it was chosen."""

    name: str
    program: tuple[str, ...]
    reason: str

    @property
    def engine(self) -> Engine:
        """The module that makes its commands: the only one of them that a build imports."""
        match self.name:
            case "docker":
                from fastbuild.engines import docker

                return docker
            case "buildx":
                from fastbuild.engines import buildx

                return buildx
            case _:
                from fastbuild.engines import buildctl

                return buildctl


def choose_for(request: BuildRequest, engine: str, environ: Mapping[str, str], paths: Paths) -> Choice:
    """The engine that builds `request`, `engine` being the settings'. Raises as `choose` does."""
    wanted = engine or ("buildx" if request.builder else "")
    return choose(wanted, request.builder or environ.get("BUILDX_BUILDER", ""), environ, paths)


def choose(wanted: str, builder: str, environ: Mapping[str, str], paths: Paths) -> Choice:
    """The engine to use: the one `wanted`, else the first that is there.

    Order: BUILDKIT_HOST, buildx with a builder that can export caches, the private daemon, plain
    docker. `program` of the private engine lacks the daemon's address: it is not started here.
    Raises EngineError when there is none, UsageError for an unknown name.
    """
    if wanted and wanted not in NAMES:
        raise UsageError(f"there is no engine {wanted!r}", fix=f"choose {', '.join(NAMES)}")
    finders: dict[str, Callable[[], Choice | str]] = {
        "buildctl": lambda: _buildctl(environ, paths),
        "buildx": lambda: _buildx(builder, environ, any_driver=wanted == "buildx" or bool(builder)),
        "private": lambda: _private(environ, paths),
        "docker": lambda: _docker(environ),
    }
    missing: list[str] = []
    for name in (wanted,) if wanted else NAMES:
        found = finders[name]()
        if isinstance(found, Choice):
            return found
        missing.append(f"{name}: {found}")
    raise EngineError("no engine to build with", cause="; ".join(missing), fix=INSTALL)


def survey(builder: str, environ: Mapping[str, str], paths: Paths) -> dict[str, Choice | str]:
    """Every engine with the choice it would be, or why it can't be chosen; for `doctor`."""
    return {
        "buildctl": _buildctl(environ, paths),
        "buildx": _buildx(builder, environ, any_driver=bool(builder)),
        "private": _private(environ, paths),
        "docker": _docker(environ),
    }


def _buildctl(environ: Mapping[str, str], paths: Paths) -> Choice | str:
    address = environ.get("BUILDKIT_HOST", "")
    if not address:
        return "BUILDKIT_HOST is not set"
    client = shutil.which("buildctl", path=environ.get("PATH"))
    if client is None:
        tools = toolchain.find(paths, environ)
        if tools is None:
            return f"BUILDKIT_HOST is {address}, but there is no buildctl (fastbuild engine install)"
        client = str(tools.buildctl)
    return Choice(name="buildctl", program=(client, "--addr", address), reason=f"BUILDKIT_HOST is {address}")


def _private(environ: Mapping[str, str], paths: Paths) -> Choice | str:
    tools = toolchain.find(paths, environ)
    if tools is None:
        return "not installed (fastbuild engine install)"
    return Choice(
        name="private", program=(str(tools.buildctl),), reason=f"BuildKit {tools.version}, {tools.origin}"
    )


def _buildx(builder: str, environ: Mapping[str, str], *, any_driver: bool) -> Choice | str:
    client = shutil.which("docker", path=environ.get("PATH"))
    if client is None:
        return "there is no docker command"
    config = docker_config(environ)
    folders = [*config.get("cliPluginsExtraDirs", ()), config_folder(environ) / "cli-plugins", *PLUGIN_DIRS]
    if not any(Path(folder, "docker-buildx").exists() for folder in folders):
        return "docker has no buildx plug-in"
    program = (client, "buildx")
    asked = process.run(
        Command(argv=(*program, "inspect", *((builder,) if builder else ()))), timeout=PROBE_TIMEOUT
    )
    if asked.returncode != 0:
        lines = asked.stderr.strip().splitlines() or ["no builder"]
        return f"docker buildx inspect failed: {lines[-1].removeprefix('ERROR: ')}"
    fields = dict(line.split(":", 1) for line in asked.stdout.splitlines() if ":" in line)
    if "Error" in fields:  # inspect exits 0 all the same
        return f"docker buildx: {fields['Error'].strip()}"
    driver = fields.get("Driver", "").strip()
    name = asked.stdout.partition("Name:")[2].split("\n")[0].strip()
    if driver == "docker" and not any_driver and not _containerd_store(client):
        return f"builder {name} (driver docker, no containerd image store) can't export caches"
    return Choice(name="buildx", program=program, reason=f"builder {name}, driver {driver}")


def _containerd_store(client: str) -> bool:
    asked = process.run(
        Command(argv=(client, "info", "--format", "{{.DriverStatus}}")), timeout=PROBE_TIMEOUT
    )
    return "io.containerd.snapshotter" in asked.stdout


def _docker(environ: Mapping[str, str]) -> Choice | str:
    client = shutil.which("docker", path=environ.get("PATH"))
    if client is None:
        return "there is no docker command"
    asked = process.run(
        Command(argv=(client, "version", "--format", "{{.Server.Version}}")), timeout=PROBE_TIMEOUT
    )
    if asked.returncode != 0:
        return "no docker engine answers"
    return Choice(name="docker", program=(client,), reason=f"docker {asked.stdout.strip()}, classic builder")
