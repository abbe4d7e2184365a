"""`fastbuild cache ls`: the names in a cache."""

from __future__ import annotations

import click

from fastbuild.commands.cache_options import CACHE, FORM, opened, told


@click.command("ls")
@CACHE
@FORM
def command(cache: str | None, form: str) -> None:
    """List the names in the cache: whose they are, how old, how large and what built them."""
    from fastbuild.commands.deliver import deliver
    from fastbuild.pipeline.cache_contents import describe_names
    from fastbuild.reports import cache_names

    with told():
        inventory = opened(cache).store.read()
    deliver(cache_names.render_list(inventory, describe_names(inventory), form), None)
