"""`fastbuild cache du`: what a cache's bytes belong to."""

from __future__ import annotations

import click

from fastbuild.commands.cache_options import CACHE, FORM, opened, told


@click.command("du")
@CACHE
@FORM
def command(cache: str | None, form: str) -> None:
    """Say what the cache's bytes belong to: names, instructions, and blobs that no manifest names."""
    from fastbuild.commands.deliver import deliver
    from fastbuild.pipeline.cache_contents import usage
    from fastbuild.reports import cache_usage

    with told():
        inventory = opened(cache).store.read()
    deliver(cache_usage.render(inventory, usage(inventory), form), None)
