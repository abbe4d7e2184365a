"""A group of commands whose modules are imported when they are called, so that help is instant."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """Each command lives in the module `<prefix><name>`, in an attribute `command`; `table` says its job."""

    def __init__(self, *args: Any, table: Mapping[str, str], prefix: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table
        self._prefix = prefix

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without importing anything."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is called."""
        if cmd_name not in self._table:
            return None
        command = import_module(f"{self._prefix}{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a suggestion for a mistyped command."""
        if args and args[0] not in self._table and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], self._table, n=1)
            hint = f"did you mean {close[0]}?" if close else f"see {ctx.command_path} --help"
            raise UsageError(f"there is no command {args[0]!r}", fix=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._table.items()))
