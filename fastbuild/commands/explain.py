"""`fastbuild explain`: why the steps of a recorded build ran."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastbuild import config
from fastbuild.errors import UsageError
from fastbuild.history import History
from fastbuild.paths import Paths
from fastbuild.reports import as_terminal, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.config import Settings
    from fastbuild.explain.reasons import Reason
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.history import BuildRecord
    from fastbuild.request import CacheSpec

VERSION = 1


@click.command("explain")
@click.argument("build", default="last")
@click.option("--against", metavar="BUILD|BRANCH", help="Compare with this build, or a branch's cache.")
@click.option("--cache", multiple=True, help="Where the branch's cache is (default: the settings').")
@click.option("--name", help="First part of cache names (default: the repository's name).")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(build: str, against: str | None, cache: tuple[str, ...], name: str | None, form: str) -> int:
    """Say for each step that ran what made it run.

    BUILD is an id of `fastbuild history list`, the beginning of one, or "last". Without --against it is
    compared with what its own caches held, as at the end of the build itself.
    """
    paths = Paths.from_environ(os.environ, os.getuid())
    record = History(paths.history).get(build)
    reasons = record.reasons
    if against is not None:
        settings = config.load(Path.cwd(), os.environ, {"cache": cache or None, "name": name})
        reasons = _compared(record, against, paths, settings, os.environ)
    if form == "json":
        told = [asdict(reason) for reason in reasons]
        click.echo(json.dumps({"version": VERSION, "build": record.id, "reasons": told}, indent=2))
        return 0
    ran = record.timing.counts().ran
    text = as_terminal.reason_lines(reasons, shutil.get_terminal_size((100, 24)).columns)
    if not reasons:
        text = (
            "no step ran" if ran == 0 else f"{words.plural(ran, 'step')} ran; why is not known of this build"
        )
    click.echo(words.encodable(text, sys.stdout.encoding))
    return 0


def _compared(
    record: BuildRecord, against: str, paths: Paths, settings: Settings, environ: Mapping[str, str]
) -> tuple[Reason, ...]:
    from fastbuild.explain.compare import explain

    now = _kept(paths, record.id)
    if now is None:
        raise UsageError(
            f"what decided the keys of build {record.id} was not kept",
            cause="it is old, it failed early, or its engine does not tell its build graph",
            fix="run `fastbuild explain` without --against, or build again with the private engine",
        )
    before = _kept(paths, _build_id(paths, against)) or _of_branch(record, against, settings, environ)
    return explain(now, (before,))


def _build_id(paths: Paths, text: str) -> str:
    try:
        return History(paths.history).get(text).id
    except UsageError:
        return ""


def _kept(paths: Paths, build: str) -> SideFile | None:
    from fastbuild.pipeline.side_files import read
    from fastbuild.sides import Sides

    sides = Sides.having(paths, build) if build else None
    data = sides.load(build) if sides else None
    return next(read((data,)), None) if data else None


def _of_branch(record: BuildRecord, branch: str, settings: Settings, environ: Mapping[str, str]) -> SideFile:
    """The side file beside a branch's cache. Raises UsageError where there is none."""
    from fastbuild.pipeline.caches import choose_caches, read_origin
    from fastbuild.pipeline.read_caches import read_cache
    from fastbuild.pipeline.side_files import read
    from fastbuild.request import BuildRequest

    request = BuildRequest(
        context=record.context or ".", target=record.target or None, platforms=record.platforms
    )
    origin = read_origin(request, environ)
    chosen = choose_caches(request, settings.cache, origin, environ, name=settings.name, branch=branch)
    problems = []
    for spec in chosen.request.cache_from:
        found = read_cache(spec, chosen.credentials, environ, side=True)
        problems.append(found.problem or f"{_named(spec)} has no side file: another tool wrote it")
        for side in read((found.side,) if found.side else ()):
            return side
    raise UsageError(
        f"{branch!r} is no recorded build, and no cache of a branch of that name can be compared with",
        cause="; ".join(problems) or "no cache is configured",
        fix="see `fastbuild history list`, or name the cache with --cache",
    )


def _named(spec: CacheSpec) -> str:
    return f"the cache {spec.label}"
