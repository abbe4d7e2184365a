"""What the commands of `fastbuild cache` share: which cache, and what becomes of its errors."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastbuild import config
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.cache.stores import Opened

CACHE = click.option(
    "--cache", metavar="SPEC", help="s3://…, local:DIR or registry://… (default: the setting `cache`)."
)
FORM = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def opened(cache: str | None) -> Opened:
    """The cache that a flag or the settings name. Raises UsageError when they name none, or several."""
    from fastbuild.cache.stores import open_store

    values = config.load(Path.cwd(), os.environ, {"cache": (cache,) if cache else None}).cache
    if not values:
        raise UsageError(
            "no cache is named", fix="give --cache s3://BUCKET/PREFIX, or set cache in fastbuild.toml"
        )
    if len(values) > 1:
        raise UsageError("the settings name several caches", fix="name one of them with --cache")
    return open_store(values[0], os.environ)


@contextmanager
def told() -> Iterator[None]:
    """What a cache refuses is an error of this command, where a build would go on without it."""
    from fastbuild.cache.objects_api import CacheReadError

    try:
        yield
    except CacheReadError as error:
        raise UsageError(error.what, cause=error.cause, fix=error.fix) from None
