"""`fastbuild build`: the drop-in for `docker build`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from fastbuild import config
from fastbuild.commands.build_flags import DockerCommand, docker_options, request_from_flags, without_effect
from fastbuild.commands.build_session import Session
from fastbuild.commands.interrupts import signals, workdir
from fastbuild.paths import Paths

MODES = click.Choice(["auto", "readwrite", "read"])
EXPORTS = click.Choice(["wait", "background", "off"])
SETTINGS = (
    "cache_mode",
    "cache_strict",
    "cache_timeout",
    "export",
    "name",
    "engine",
    "engine_config",
    "keep_modes",
    "explain",
    "skip",
)


@click.command("build", cls=DockerCommand)
@click.argument("context", metavar="PATH | URL | -")
@docker_options
@click.option("--cache", multiple=True, help="Read and write cache: s3://…, registry://…, local:DIR, gha.")
@click.option("--cache-mode", type=MODES, help="auto: only read for untrusted pull requests.")
@click.option("--cache-strict", is_flag=True, default=None, help="A cache problem fails the build.")
@click.option("--cache-timeout", type=float, help="Seconds in which a transfer must move 1 MiB. [60]")
@click.option("--export", type=EXPORTS, help="How the cache is written after the image. [wait]")
@click.option("--name", help="First part of cache names (default: the repository's name).")
@click.option("--engine", help="buildctl, buildx, private or docker (default: the first there is).")
@click.option("--engine-config", help="A buildkitd.toml for the private engine.")
@click.option("--keep-modes", is_flag=True, default=None, help="Send the files' modes as they are on disk.")
@click.option("--explain/--no-explain", default=None, help="Say why steps ran. [--explain]")
@click.option(
    "--skip", type=click.Choice(["auto", "never"]), help="Use an equal image that is there. [never]"
)
@click.option("--record", default="", help="Write the build's record (JSON) to a file.")
@click.option("--trace-reads", is_flag=True, help="Build once more under strace; keep what each RUN read.")
def command(context: str, **flags: Any) -> int:
    """Build an image as docker build does, with a remote cache, timings and a record.

    Takes every flag of docker build and docker buildx build.
    """
    given = {**{name: flags[name] for name in SETTINGS}, "cache": flags["cache"] or None}
    settings = config.load(Path.cwd(), os.environ, given)
    request = request_from_flags(context, flags)
    notes = [f"{flag} has no effect with BuildKit" for flag in without_effect(flags)]
    with signals(), workdir() as folder:
        session = Session(
            settings=settings,
            paths=Paths.from_environ(os.environ, os.getuid()),
            environ=os.environ,
            workdir=folder,
            record=flags["record"],
            progress="quiet" if request.quiet else flags["progress"],
            trace_reads=flags["trace_reads"] and request.call == "build",
        )
        return session.run(request, notes)
