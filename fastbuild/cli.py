"""The command tree. A command's module is imported when it is called, so that help is instant."""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING

import click

from fastbuild.commands.lazy import LazyGroup
from fastbuild.errors import FastbuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "analyze": "Find what makes a Dockerfile slow, large or fragile, and mend it.",
    "build": "Build an image: docker build with a remote cache, timings and a record.",
    "cache": "List, measure, verify and prune what lies in a remote cache.",
    "check": "Judge the project's cache contracts and budgets; a gate for CI.",
    "doctor": "Say which engine, cache and credentials were found, each tried for real.",
    "engine": "Install, start, stop or show the private BuildKit.",
    "explain": "Say for each step of a build that ran what made it run.",
    "history": "List and show recorded builds.",
    "predict": "Say which steps a build would find in which cache, and how long the rest takes.",
    "replay": "Replay git history: what each commit would have run again, and how long it takes.",
    "reorder": "Find the order of instructions that rebuilds least; prove it and write it.",
}


@click.command(
    cls=LazyGroup,
    table=COMMANDS,
    prefix="fastbuild.commands.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="fastbuild", message="fastbuild %(version)s")
def cli() -> None:
    """A drop-in for docker build in CI: fresh runners start warm, and every step that ran has a reason."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of `errors`."""
    code = run(args)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late: it would only spoil the exit code
    gc.freeze()  # what is left goes with the process: looking through it for cycles costs 10 ms
    sys.exit(code)


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        result = cli.main(args, prog_name="fastbuild", standalone_mode=False)
    except FastbuildError as error:
        click.echo(error.render(), err=True)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "fastbuild"
        said = UsageError(error.format_message().rstrip("."), fix=f"see {command} --help")
        click.echo(said.render(), err=True)
        return said.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("error: interrupted", err=True)
        return 130
    except BrokenPipeError:
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        cause = "a full disk, or rights that are missing"
        click.echo(UsageError(f"{where}{error.strerror or error}", cause=cause).render(), err=True)
        return UsageError.exit_code
    return result if isinstance(result, int) else 0
