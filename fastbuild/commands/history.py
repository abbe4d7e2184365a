"""`fastbuild history`: the builds recorded on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from fastbuild.history import History
from fastbuild.paths import Paths
from fastbuild.reports import as_json, as_terminal, words

if TYPE_CHECKING:
    from fastbuild.history import BuildRecord

_FORM = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")


@click.group("history")
def command() -> None:
    """List and show recorded builds."""


@command.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--target", default=None, help="Only builds of this target.")
@_FORM
def list_builds(limit: int, target: str | None, form: str) -> None:
    """The newest builds first."""
    records = _history().list(limit, target)
    if form == "json":
        click.echo(as_json.render_list(records))
    elif not records:
        click.echo("no build is recorded yet", err=True)
    for record in records if form == "text" else ():
        _say(_line(record))


@command.command("show")
@click.argument("build", default="last")
@_FORM
def show(build: str, form: str) -> None:
    """One build's steps. BUILD is an id, the beginning of one, or "last"."""
    record = _history().get(build)
    if form == "json":
        click.echo(as_json.render(record))
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    _say(_line(record))
    width = shutil.get_terminal_size().columns
    _say(as_terminal.step_table(record, width, colour))
    if record.reasons:
        _say(as_terminal.reason_lines(record.reasons, width))
    _say(as_terminal.summary_line(record))


def _history() -> History:
    return History(Paths.from_environ(os.environ, os.getuid()).history)


def _say(text: str) -> None:
    click.echo(words.encodable(text, sys.stdout.encoding))


def _line(record: BuildRecord) -> str:
    local = datetime.fromisoformat(record.started).astimezone()
    what = record.tags[0] if record.tags else record.target or record.context
    where = f" {record.commit[:12]}" if record.commit else ""
    return (
        f"{record.id}  {local:%Y-%m-%d %H:%M:%S}  {record.result:<9}"
        f"  {words.seconds(record.seconds):>10}  {words.one_line(what)}{where}"
    )
