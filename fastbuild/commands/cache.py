"""`fastbuild cache`: what lies in a remote cache, whether it is whole, and what may go."""

from __future__ import annotations

import click

from fastbuild.commands.lazy import LazyGroup

SUBCOMMANDS = {
    "du": "Say what the cache's bytes belong to.",
    "flush": "Wait until the caches that builds left to the background are written.",
    "inspect": "Show one name: its records, steps and layers, and what built it.",
    "ls": "List the names in the cache.",
    "prune": "Delete what is old, too much or of branches that are gone.",
    "verify": "Find what is missing, cut off or foreign, and repair it.",
}


@click.command("cache", cls=LazyGroup, table=SUBCOMMANDS, prefix="fastbuild.commands.cache_")
def command() -> None:
    """What lies in a remote cache, whether it is whole, and what may go."""
