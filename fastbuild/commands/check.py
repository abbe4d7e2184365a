"""`fastbuild check`: cache contracts and budgets as a gate in CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild import config
from fastbuild.commands.build_flags import DOCKER_OPTIONS, DockerCommand, request_from_flags
from fastbuild.commands.check_settings import EXAMPLE, load_promises
from fastbuild.commands.deliver import deliver, may_colour
from fastbuild.commands.interrupts import signals, workdir
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ("engine", "engine_config", "keep_modes")
FORMATS = ("text", "json", "sarif", "markdown", "github", "gitlab")


def _docker_options(command: Callable[..., object]) -> Callable[..., object]:
    """Docker's flags without --output, whose short form is the report's here."""
    for names, settings in reversed(DOCKER_OPTIONS):
        if "--output" not in names:
            command = click.option(*names, **settings)(command)
    return command


@click.command("check", cls=DockerCommand)
@click.argument("context", metavar="PATH", default=".")
@_docker_options
@click.option("--engine", help="buildctl, buildx or private (default: the first there is).")
@click.option("--engine-config", help="A buildkitd.toml for the private engine.")
@click.option("--keep-modes", is_flag=True, default=None, help="Take modes of files as they are on disk.")
@click.option("--build", metavar="ID", default="", help="This recorded build instead of the newest.")
@click.option("--real", is_flag=True, help="Also build, with a file changed, and compare.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--report", "report_file", metavar="FILE", help="Write the report to a file.")
def command(context: str, build: str, real: bool, form: str, report_file: str | None, **flags: Any) -> int:
    """Say whether the project keeps its cache contracts and budgets; exit with 1 if not.

    They stand in fastbuild.toml. Takes the flags of fastbuild build, and builds nothing without --real.
    """
    settings = config.load(Path.cwd(), os.environ, {name: flags[name] for name in SETTINGS})
    promises = load_promises(Path.cwd())
    if not promises:
        raise UsageError(f"{promises.source} promises nothing", fix=f"add {EXAMPLE}, or a [budget]")
    if report_file:
        from fastbuild.files import check_writable

        check_writable(Path(report_file))
    request = request_from_flags(context, {**flags, "output": ()})
    from fastbuild.commands.check_session import Session

    with signals(), workdir() as folder:
        session = Session(settings=settings, promises=promises, workdir=folder, environ=os.environ)
        report = session.run(request, build=build, real=real)
    from fastbuild.reports.check import render

    deliver(render(report, form, colour=may_colour(report_file)), report_file)
    return 0 if report.passes else 1
