"""`--cache registry://host/repository`: the cache as an image, one tag for each name.

https://docs.docker.com/build/cache/backends/registry/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.cache.names import as_tag
from fastbuild.cache.spec import only, specs
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Expansion, Location
    from fastbuild.cache.names import CacheNames

# an index of blobs is refused by registries that check manifests; zstd needs OCI media types
EXPORT_DEFAULTS = {"image-manifest": "true", "oci-mediatypes": "true"}

# https://github.com/distribution/reference/blob/main/regexp.go
_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(rf"({_HOST}/)?({_PART}(?:/{_PART})*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?")


def expand_registry(location: Location, names: CacheNames, _environ: Mapping[str, str]) -> Expansion:
    """One tag for each name; a tag in the location is the only one used.

    Raises UsageError when the location is not an image reference.
    """
    options = dict(location.options)
    repository, tag = split_reference(location.path or options.pop("ref", ""))
    return specs(
        "registry",
        only(names, tag),
        lambda name, _direction: {"ref": f"{repository}:{as_tag(name)}"},
        options=options,
        export_defaults=EXPORT_DEFAULTS,
    )


def split_reference(reference: str) -> tuple[str, str | None]:
    """`host/repository` and the tag, if any; raises UsageError for anything else."""
    found = _REFERENCE.fullmatch(reference.rstrip("/"))
    if not found:
        raise UsageError(
            f"--cache: {reference!r} is not an image repository",
            cause="repositories are lower-case, without a digest",
            fix="write registry://HOST/REPOSITORY",
        )
    return f"{found[1] or ''}{found[2]}", found[3]
