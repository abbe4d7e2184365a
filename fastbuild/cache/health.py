"""`check`: try a cache for real, reading and writing, and say what is wrong and what mends it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.api import Health, ReadOnly, Untried, Unusable, Usable
from fastbuild.cache.gha import missing_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.credentials import Credentials
    from fastbuild.request import CacheSpec

TIMEOUT = 5.0
"""Seconds for each request of a probe."""


def check(
    spec: CacheSpec,
    credentials: Credentials | None,
    *,
    timeout: float = TIMEOUT,
    environ: Mapping[str, str] = os.environ,
) -> Health:
    """Whether this cache can be read and written from this machine, with this identity.

    `timeout` is in seconds for each of a handful of requests. Leaves nothing behind where deleting is
    allowed. Never raises for what is wrong with the cache.
    """
    match spec.type:
        case "s3":
            from fastbuild.cache.probe_s3 import check_s3

            return check_s3(spec, credentials, timeout=timeout)
        case "registry":
            from fastbuild.cache.probe_registry import check_registry

            return check_registry(spec, timeout=timeout)
        case "local":
            return _check_local(Path(spec.get("dest") or spec.get("src")))
        case "gha":
            missing = missing_variables(environ)
            return Unusable(reason=missing.render().removeprefix("error: ")) if missing else _GHA
        case kind:
            return Untried(reason=f"type={kind} can only be tried by building")


_GHA = Untried(reason="the variables are set; the cache service itself can only be tried by building")


def _check_local(path: Path) -> Health:
    # the directory is made by the first export: until then its nearest parent decides
    place = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    if not place.is_dir():
        return Unusable(reason=f"{place} is not a directory: choose another path or remove the file")
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".fastbuild-probe-"):
            pass
    except OSError as error:
        reason = f"{place} can't be written ({error.strerror}): chown or chmod it, or free some space"
        readable = os.access(path, os.R_OK | os.X_OK)
        return ReadOnly(reason=reason) if readable else Unusable(reason=reason)
    return Usable()
