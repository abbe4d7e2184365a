"""`fastbuild doctor`: engine, caches and credentials, each tried for real."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastbuild import config
from fastbuild.cache import health
from fastbuild.cache.api import ReadOnly, Untried, Unusable, Usable
from fastbuild.commands.interrupts import workdir
from fastbuild.engines import detect
from fastbuild.errors import FastbuildError, UsageError
from fastbuild.history import History
from fastbuild.paths import Paths
from fastbuild.pipeline.caches import choose_caches, read_origin
from fastbuild.pipeline.probe import try_engine
from fastbuild.reports import words
from fastbuild.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.cache.api import Health
    from fastbuild.config import Settings

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "info": "    "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at: `level` is ok, info, warn or fail; `fix` is what mends it, or empty."""

    what: str
    level: str
    text: str
    fix: str = ""


@click.command("doctor")
@click.option("--cache", multiple=True, help="Try these caches (default: the settings').")
@click.option("--engine", help="Try this engine (default: the one a build would take).")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def command(cache: tuple[str, ...], engine: str | None, format_: str) -> int:
    """Say which engine, cache and credentials a build would use, each tried for real.

    Exits 0 when a build can run as configured, 1 when something it needs does not work.
    """
    settings = config.load(Path.cwd(), os.environ, {"cache": cache or None, "engine": engine})
    paths = Paths.from_environ(os.environ, os.getuid())
    findings = []
    for finding in _findings(settings, paths, os.environ):
        findings.append(finding)
        if format_ == "text":
            click.echo(_line(finding))
    if format_ == "json":
        click.echo(json.dumps({"version": 1, "findings": [asdict(f) for f in findings]}, indent=2))
    return 1 if any(finding.level == "fail" for finding in findings) else 0


def _line(finding: Finding) -> str:
    line = f"{MARKS[finding.level]}  {finding.what}: {finding.text}"
    return f"{line}\n      → {finding.fix}" if finding.fix else line


def _findings(settings: Settings, paths: Paths, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield from _engines(settings, paths, environ)
    yield from _predictions(paths)
    request = BuildRequest(context=str(Path.cwd()))
    origin = read_origin(request, environ)
    where = origin.ci.provider if origin.ci.provider != "none" else "no CI system"
    branch = origin.ci.branch or (origin.git.branch if origin.git else None) or "unknown"
    yield Finding(what="origin", level="info", text=f"{where}, branch {branch}")
    if not settings.cache:
        yield Finding(
            what="cache",
            level="info",
            text="none configured",
            fix="--cache s3://…, registry://… or local:DIR",
        )
    for value in settings.cache:
        yield from _cache(value, settings, request, environ)


def _engines(settings: Settings, paths: Paths, environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        choice = detect.choose(settings.engine, environ.get("BUILDX_BUILDER", ""), environ, paths)
    except FastbuildError as error:
        yield Finding(what="engine", level="fail", text=f"{error.what} ({error.cause})", fix=error.fix)
        return
    for name, found in detect.survey(environ.get("BUILDX_BUILDER", ""), environ, paths).items():
        if name != choice.name:
            text = found if isinstance(found, str) else f"available, not used: {found.reason}"
            yield Finding(what=f"engine {name}", level="info", text=text)
    try:
        with workdir() as folder:
            said = try_engine(choice, folder, paths, environ, config=settings.engine_config)
        yield Finding(what=f"engine {choice.name}", level="ok", text=f"{choice.reason}; {said}")
    except FastbuildError as error:
        yield Finding(
            what=f"engine {choice.name}", level="fail", text=f"{choice.reason}; {error.what}", fix=error.fix
        )


def _predictions(paths: Paths) -> Iterator[Finding]:
    """How well builds were foreseen on each version of the engine."""
    try:
        scores = History(paths.history).scores()
    except UsageError as error:
        yield Finding(what="history", level="warn", text=error.what, fix=error.fix)
        return
    for version, score in scores.items():
        counted = score.right + len(score.wrong)
        text = f"{score.right} of {words.plural(counted, 'step')} right, {score.maybe} undecided"
        worst = f"; the last: {score.wrong[0]}" if score.wrong else ""
        yield Finding(
            what=f"predictions on {version or 'an unknown version'}",
            level="warn" if score.wrong else "ok",
            text=f"{text}{worst}",
            fix="report it with the Dockerfile, please" if score.wrong else "",
        )


def _cache(
    value: str, settings: Settings, request: BuildRequest, environ: Mapping[str, str]
) -> Iterator[Finding]:
    try:
        origin = read_origin(request, environ)
        caches = choose_caches(
            request, (value,), origin, environ, name=settings.name, mode=settings.cache_mode
        )
    except FastbuildError as error:
        yield Finding(what=f"cache {value}", level="fail", text=error.what, fix=error.fix)
        return
    if caches.names:
        reads = ", ".join(caches.names.read)
        writes = caches.names.write or f"nothing ({caches.names.reason})"
        yield Finding(what=f"cache {value}", level="info", text=f"reads {reads}; writes {writes}")
    for spec in (caches.request.cache_to or caches.request.cache_from)[:1]:
        if spec.type == "s3":
            source = caches.credentials.source if caches.credentials else "none found"
            yield Finding(what="credentials", level="info" if caches.credentials else "warn", text=source)
        found = health.check(spec, caches.credentials, environ=environ)
        yield _judged(f"cache {value}", found)


def _judged(what: str, found: Health) -> Finding:
    match found:
        case Usable():
            return Finding(what=what, level="ok", text=found.note or "read and written")
        case ReadOnly():
            return Finding(what=what, level="warn", text=f"read, but not written: {found.reason}")
        case Unusable():
            return Finding(what=what, level="fail", text=found.reason)
        case Untried():
            return Finding(what=what, level="info", text=found.reason)
