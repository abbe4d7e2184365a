"""`fastbuild analyze`: what makes a Dockerfile slow, large or fragile, and how to mend it."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastbuild.analysis.finding import Level
from fastbuild.commands.deliver import deliver, may_colour
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.run import FileReport
    from fastbuild.commands.analyze_session import Session

FORMATS = ("text", "json", "sarif", "markdown", "github", "gitlab")
LEVELS = ("info", "warning", "error", "never")


@click.command("analyze")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-f", "--file", metavar="FILE", help="This Dockerfile; PATH is its build context.")
@click.option("--context", metavar="DIR", help="The build context, instead of each Dockerfile's directory.")
@click.option("-r", "--recursive", is_flag=True, help="All Dockerfiles below the directories.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="The report's."
)
@click.option("-o", "--output", metavar="FILE", help="Write the report to a file.")
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS),
    default="warning",
    show_default=True,
    help="Exit with 1 from this level on.",
)
@click.option("--select", metavar="CODES", multiple=True, help="Only these rules.")
@click.option("--ignore", metavar="CODES", multiple=True, help="All but these rules.")
@click.option("--fix", is_flag=True, help="Write safe fixes into the files.")
@click.option("--unsafe-fixes", is_flag=True, help="Also fixes that may change what the image does.")
@click.option("--diff", is_flag=True, help="Print what --fix would change, and write nothing.")
@click.option("--build-arg", metavar="NAME[=VALUE]", multiple=True, help="As in a build.")
@click.option(
    "--check",
    type=click.Choice(["auto", "engine", "off"]),
    default="auto",
    show_default=True,
    help="BuildKit's own checks, too: from an engine that runs, from any, or not.",
)
@click.option("--history/--no-history", default=True, help="Take costs from recorded builds.")
@click.option("--explain", metavar="CODE", help="Print a rule's manual.")
@click.option("--list-rules", is_flag=True, help="Print all codes.")
def command(paths: tuple[str, ...], explain: str | None, list_rules: bool, **options: object) -> int:
    """Find what makes a Dockerfile slow, large or fragile.

    PATH is a Dockerfile, a directory with one (default: the current directory), a compose or bake file,
    or "-" for standard input. Exits 1 when a finding is at least as bad as --fail-on, 4 when BuildKit
    would refuse a Dockerfile.
    """
    if explain or list_rules:
        from fastbuild.commands import analyze_rules

        text = analyze_rules.explain(explain) if explain else analyze_rules.listing()
        click.echo(text)
        return 0
    return _run(paths, **options)  # type: ignore[arg-type]


def _run(
    paths: tuple[str, ...],
    *,
    file: str | None,
    context: str | None,
    recursive: bool,
    form: str,
    output: str | None,
    fail_on: str,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    **options: object,
) -> int:
    if unsafe_fixes and not (fix or diff):
        raise UsageError("--unsafe-fixes alone does nothing", fix="add --fix or --diff")
    if output:
        from fastbuild.files import check_writable

        check_writable(Path(output))
    with _without_collector():
        from fastbuild.commands.analyze_arguments import begin

        session = begin(paths, file, context, recursive, **options)  # type: ignore[arg-type]
        if fix or diff:
            from fastbuild.commands.analyze_fix import mend

            reports, changes = mend(session, unsafe=unsafe_fixes, write=fix and not diff)
        else:
            reports, changes = session.reports(), ""
        text = changes
        if not diff:
            from fastbuild.reports.findings.rendering import render

            text = render(reports, form, colour=may_colour(output))
    if diff:
        _deliver_diff(text, output)
    else:
        deliver(text, output)
    for problem in (*session.problems, *session.crashes.values()):
        click.echo(f"fastbuild: {_one_line(problem)}", err=True)
    return _exit_code(reports, session, fail_on)


@contextmanager
def _without_collector() -> Iterator[None]:
    """What is made here is nearly all kept, and has no cycles: looking for them is in vain."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _exit_code(reports: Sequence[FileReport], session: Session, fail_on: str) -> int:
    """2 when a file could not be read, 4 when one does not parse, 1 when the threshold is reached."""
    if session.unread:
        return UsageError.exit_code
    if any(report.is_broken for report in reports):
        return 4
    worst = max((report.worst or 0 for report in reports), default=0)
    return int(fail_on != "never" and worst >= Level.named(fail_on))


def _deliver_diff(text: str, output: str | None) -> None:
    """Byte for byte, so that it can be applied; on a terminal what is in it must not act."""
    if output or sys.stdout.isatty():
        from fastbuild.reports.findings.safe import visible

        deliver(text if output else "".join(f"{visible(line)}\n" for line in text.split("\n")[:-1]), output)
        return
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()


def _one_line(text: str) -> str:
    from fastbuild.reports.findings.safe import visible

    return visible(" ".join(text.split()))
