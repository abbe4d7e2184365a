"""The command tree. A command's module is imported when it is called, so that help is instant."""

from __future__ import annotations

import gc
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

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


class LazyGroup(click.Group):
    """A group whose commands live in `fastbuild.commands.<name>`, each in an attribute `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without importing anything."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is called."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"fastbuild.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a suggestion for a mistyped command."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else "see fastbuild --help"
            raise UsageError(f"there is no command {args[0]!r}", fix=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
