"""`fastbuild cache inspect`: one name of a cache."""

from __future__ import annotations

import click

from fastbuild.commands.cache_options import CACHE, FORM, opened, told
from fastbuild.errors import UsageError


@click.command("inspect")
@click.argument("name")
@CACHE
@FORM
def command(name: str, cache: str | None, form: str) -> None:
    """Show one name: its records by step, its layers, and what built it. NAME is as ls shows it."""
    from fastbuild.commands.deliver import deliver
    from fastbuild.pipeline.cache_contents import describe_names, shares
    from fastbuild.reports import cache_names

    with told():
        inventory = opened(cache).store.read()
    found = next((each for each in describe_names(inventory) if each.name.name == name), None)
    if found is None:
        raise UsageError(
            f"{inventory.label} holds no name {name}", fix="see fastbuild cache ls for what it holds"
        )
    deliver(cache_names.render_one(inventory, found, shares(found, inventory), form), None)
