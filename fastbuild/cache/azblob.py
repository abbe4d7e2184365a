"""`--cache type=azblob,account_url=…`: BuildKit's Azure Blob Storage cache.

https://docs.docker.com/build/cache/backends/azblob/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.cache.spec import only, specs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Expansion, Location
    from fastbuild.cache.names import CacheNames


def expand_azblob(location: Location, names: CacheNames, _environ: Mapping[str, str]) -> Expansion:
    """One import per name, as with S3; BuildKit joins these prefixes itself."""
    options = dict(location.options)
    return specs(
        "azblob",
        only(names, options.pop("name", None)),
        lambda name, _direction: {"name": name},
        options=options,
    )
