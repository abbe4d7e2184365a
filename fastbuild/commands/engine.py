"""`fastbuild engine`: the private BuildKit that serves when no other engine was chosen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fastbuild.engines.daemon import Status
    from fastbuild.engines.daemon_settings import DaemonSettings
    from fastbuild.engines.toolchain import Toolchain
    from fastbuild.paths import Paths


@click.group()
def command() -> None:
    """Install, start, stop or show the private BuildKit."""


@command.command()
@click.option("--sha256", default="", help="Sum of the official release archive; it is then used.")
def install(sha256: str) -> None:
    """Install the pinned BuildKit: from the release archive if its sum is known, else from source."""
    from fastbuild.engines.install import install as run

    tools = run(_paths(), os.environ, _progress, sha256=sha256)
    click.echo(f"BuildKit {tools.version} is in {tools.buildkitd.parent}")


@command.command()
def start() -> None:
    """Start it now (a build does so by itself); it stops when it was idle for a while."""
    from fastbuild.engines import daemon

    running = daemon.ensure_running(_settings(), os.environ)
    running.lease.release()
    if running.note:
        _progress(running.note)
    click.echo(f"BuildKit {running.version} runs at {running.address} (pid {running.pid})")


@command.command()
def stop() -> None:
    """Stop it, even when a build uses it; its cache stays."""
    from fastbuild.engines import daemon

    click.echo("stopped" if daemon.stop(_settings(any_tools=True)) else "it was not running")


@command.command()
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text")
def status(form: str) -> None:
    """Show whether it runs, where its cache lies and how much it takes."""
    from fastbuild.engines import daemon

    found = daemon.status(_settings(any_tools=True))
    click.echo(as_json(found) if form == "json" else as_text(found))


def as_json(status: Status) -> str:
    """One JSON object; `version` is that of the format. Sizes in bytes, times in seconds."""
    return json.dumps(
        {
            "version": 1,
            "running": status.running,
            "in_use": status.in_use,
            "pid": status.pid,
            "buildkit": status.version,
            "address": status.address,
            "root": status.root,
            "log": status.log,
            "disk_bytes": status.disk_used,
            "idle_left_seconds": status.idle_left,
        },
        indent=2,
    )


def as_text(status: Status) -> str:
    """The same for people."""
    if not status.running:
        state = "not running (a build starts it)"
    elif status.in_use:
        state = f"running (pid {status.pid}), in use"
    elif status.idle_left is None:
        state = f"running (pid {status.pid}) until it is stopped"
    else:
        state = f"running (pid {status.pid}), stops after {status.idle_left:.0f} s without a build"
    rows = (
        ("engine", state),
        ("version", status.version or "not installed (fastbuild engine install)"),
        ("address", status.address),
        ("cache", f"{status.root}, {status.disk_used / 1e6:.1f} MB"),
        ("log", status.log),
    )
    return "\n".join(f"{name:<8} {value}" for name, value in rows)


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _paths() -> Paths:
    from fastbuild.paths import Paths

    return Paths.from_environ(os.environ, os.getuid())


def _settings(*, any_tools: bool = False) -> DaemonSettings:
    """As a build would start it. `any_tools`: also when no BuildKit is installed; its version is "" then."""
    from fastbuild import config
    from fastbuild.engines.daemon_settings import DaemonSettings

    wanted = config.load(Path.cwd(), os.environ, {})
    return DaemonSettings(
        paths=_paths(),
        toolchain=_toolchain(any_tools=any_tools),
        config=Path(wanted.engine_config) if wanted.engine_config else None,
        idle_seconds=wanted.engine_idle,
        allow=wanted.engine_allow,
    )


def _toolchain(*, any_tools: bool) -> Toolchain:
    from fastbuild.engines import toolchain
    from fastbuild.errors import EngineError

    found = toolchain.find(_paths(), os.environ)
    if found is not None:
        return found
    if any_tools:
        nowhere = Path()
        return toolchain.Toolchain(buildkitd=nowhere, buildctl=nowhere, version="", origin="")
    raise EngineError(
        "BuildKit is not installed", fix="run `fastbuild engine install`, or put buildkitd on PATH"
    )
