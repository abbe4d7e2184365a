"""`fastbuild cache verify`: is a cache whole?"""

from __future__ import annotations

import click

from fastbuild.commands.cache_options import CACHE, FORM, opened, told


@click.command("verify")
@CACHE
@click.option("--deep", is_flag=True, help="Also read every blob and compare its digest.")
@click.option("--repair", is_flag=True, help="Drop names that lead to bad blobs, so that builds miss.")
@FORM
def command(cache: str | None, deep: bool, repair: bool, form: str) -> int:
    """Find blobs that are missing, cut off or damaged; exit with 1 if there are any that stay.

    Foreign objects are reported and left alone: they harm no build.
    """
    from fastbuild.cache.verify import verify
    from fastbuild.commands.deliver import deliver
    from fastbuild.reports import cache_verified

    with told():
        found = verify(opened(cache).store, deep=deep, repair=repair)
    deliver(cache_verified.render(found, form), None)
    return 0 if found.mended else 1
