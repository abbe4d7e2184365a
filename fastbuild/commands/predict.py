"""`fastbuild predict`: what a build would find in the caches, and how long the rest would take."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild import config
from fastbuild.commands.analyze_history import Past
from fastbuild.commands.build_flags import DockerCommand, docker_options, request_from_flags
from fastbuild.commands.interrupts import signals, workdir
from fastbuild.context.staging import stage
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.engines import detect
from fastbuild.engines.toolchain import VERSION
from fastbuild.errors import DockerfileSyntax, UsageError
from fastbuild.history import History
from fastbuild.paths import Paths
from fastbuild.pipeline import prepare
from fastbuild.pipeline.caches import choose_caches, read_origin
from fastbuild.pipeline.foresee import foresee
from fastbuild.reports import prediction as report
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.config import Settings
    from fastbuild.pipeline.foresee import ForeseenStep
    from fastbuild.reports.prediction import Prediction
    from fastbuild.request import BuildRequest

SETTINGS = ("cache_mode", "name", "engine", "engine_config")


@click.command("predict", cls=DockerCommand)
@click.argument("context", metavar="PATH")
@docker_options
@click.option("--cache", multiple=True, help="Look into these caches: s3://…, registry://…, local:DIR.")
@click.option("--cache-mode", type=click.Choice(["auto", "readwrite", "read"]), hidden=True)
@click.option("--name", help="First part of cache names (default: the repository's name).")
@click.option("--engine", help="buildctl or private (default: the first there is).")
@click.option("--engine-config", help="A buildkitd.toml for the private engine.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 when a step would be, or may be, executed.")
def command(context: str, form: str, exit_code: bool, **flags: Any) -> int:
    """Say which steps a build would find in which cache, and how long the others take. Builds nothing.

    Takes the flags of fastbuild build. A step is hit, miss or, where only building can tell, maybe.
    """
    given = {**{name: flags[name] for name in SETTINGS}, "cache": flags["cache"] or None}
    settings = config.load(Path.cwd(), os.environ, given)
    request = request_from_flags(context, flags)
    with signals(), workdir() as folder:
        found = _predict(settings, request, folder, os.environ)
    if form == "json":
        click.echo(json.dumps(report.to_json(found), indent=2))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        text = report.render_text(found, shutil.get_terminal_size((100, 24)).columns, colour)
        click.echo(words.encodable(text, sys.stdout.encoding))
    return 1 if exit_code and not found.all_hit else 0


def _predict(
    settings: Settings, asked: BuildRequest, workdir: Path, environ: Mapping[str, str]
) -> Prediction:
    paths = Paths.from_environ(environ, os.getuid())
    staged = prepare.with_stages(stage(asked, sys.stdin.buffer, workdir))
    choice = detect.choose_for(asked, settings.engine, environ, paths)
    caches = choose_caches(
        staged,
        settings.cache if choice.name != "docker" else (),
        read_origin(staged, environ),
        environ,
        name=settings.name,
        mode=settings.cache_mode,
    )
    request = caches.request
    with prepare.ready(
        choice,
        request,
        workdir,
        paths,
        environ,
        **settings.private_engine,
        credentials=caches.credentials,
    ) as ready:
        foreseen = foresee(ready, request, paths, environ, caches.credentials, keep_modes=settings.keep_modes)
    steps = foreseen.steps
    if len(request.platforms) > 1:  # as in a build's table, where the platforms of one line stand together
        steps = tuple(sorted(steps, key=lambda step: (step.line is None, step.line or 0)))
    return report.Prediction(
        steps=steps,
        seconds=tuple(_expected(steps, request, paths)),
        problems=foreseen.problems,
        engine=choice.name,
        engine_version=ready.version,
        word=word(paths, ready.version),
    )


def word(paths: Paths, engine_version: str) -> str:
    """`prediction` on the version that fastbuild's own tests hold to every build, and on others that were
    never predicted wrong here; else `estimate`."""
    try:
        score = History(paths.history).scores().get(engine_version)
    except UsageError:
        score = None
    if score is None:
        return "prediction" if engine_version == VERSION else "estimate"
    return "estimate" if score.wrong else "prediction"


def _expected(steps: Sequence[ForeseenStep], request: BuildRequest, paths: Paths) -> list[float | None]:
    """Seconds that each step took when it ran, the median of recorded builds."""
    try:
        dockerfile = parse(decode(Path(request.file or "").read_bytes()))
    except (OSError, DockerfileSyntax):
        return [None] * len(steps)
    by_line = Past(paths.history).seconds(dockerfile)
    return [by_line.get(step.line or 0) for step in steps]
