"""`fastbuild cache`: what lies in a remote cache, whether it is whole, and what may go."""

from __future__ import annotations

from importlib import import_module

import click

SUBCOMMANDS = {
    "du": "Say what the cache's bytes belong to.",
    "flush": "Wait until the caches that builds left to the background are written.",
    "inspect": "Show one name: its records, steps and layers, and what built it.",
    "ls": "List the names in the cache.",
    "prune": "Delete what is old, too much or of branches that are gone.",
    "verify": "Find what is missing, cut off or foreign, and repair it.",
}


class LazySubcommands(click.Group):
    """Each command lives in `fastbuild.commands.cache_<name>`, in an attribute `command`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names, without importing anything."""
        return list(SUBCOMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is called."""
        if cmd_name not in SUBCOMMANDS:
            return None
        found = import_module(f"fastbuild.commands.cache_{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.command("cache", cls=LazySubcommands)
def command() -> None:
    """What lies in a remote cache, whether it is whole, and what may go."""
