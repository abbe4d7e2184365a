"""`open_store`: the whole cache behind a `--cache` value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.credentials import resolve
from fastbuild.cache.expand import expand
from fastbuild.cache.names import CacheNames
from fastbuild.cache.objects_api import Unreadable
from fastbuild.cache.prune_plan import TOUCH_REFRESH
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.inventory import Store
    from fastbuild.request import CacheSpec

_ANY = "any"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)
_OWN_NAME = re.compile(r"[a-z0-9.-]+(_[a-z0-9.-]+){3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A cache to look through. `touch_refresh` is its exports', in seconds; `spec` one of its names."""

    store: Store
    touch_refresh: float
    spec: CacheSpec


def open_store(value: str, environ: Mapping[str, str]) -> Opened:
    """All names of the cache that a build's `--cache` value means. Sends no request.

    Raises UsageError for an unknown form, a cache without credentials and one that can't be looked through.
    """
    expansion = expand(value, CacheNames(write=_ANY, read=(_ANY,), reason=""), environ)
    spec = expansion.exports[0] if expansion.exports else expansion.imports[0]
    refresh = spec.get("touch_refresh")
    return Opened(
        store=_store(spec, environ),
        touch_refresh=seconds(refresh, "touch_refresh") if refresh else TOUCH_REFRESH,
        spec=spec,
    )


def _store(spec: CacheSpec, environ: Mapping[str, str]) -> Store:
    if spec.type == "s3":
        from fastbuild.cache.inventory_s3 import S3Store
        from fastbuild.cache.objects_s3 import s3_objects

        objects = s3_objects(spec, resolve(environ), environ)
        if isinstance(objects, Unreadable):
            raise UsageError(objects.reason)
        return S3Store(cache=objects, blobs_prefix=spec.get("blobs_prefix", "blobs/"))
    if spec.type == "local":
        from fastbuild.cache.inventory_local import LocalStore

        return LocalStore(
            folder=Path(spec.get("dest")).parent, name_of=untagged, tag=spec.get("tag", "latest")
        )
    if spec.type == "registry":
        from fastbuild.cache.inventory_registry import RegistryStore
        from fastbuild.cache.objects_api import is_true
        from fastbuild.cache.registry_reference import read_reference

        insecure = is_true(spec.get("registry.insecure"))
        repository, _, _ = read_reference(spec.get("ref"), insecure=insecure)
        return RegistryStore(repository=repository, name_of=untagged)
    raise UsageError(
        f"a type={spec.type} cache can't be looked through",
        cause="only the engine reads it",
        fix="fastbuild cache works on s3://…, local:DIR and registry://…",
    )


def untagged(tag: str) -> str:
    """The name that `names.as_tag` made a tag or directory of; what it didn't make stays as it is."""
    return tag.replace("_", "/") if _OWN_NAME.fullmatch(tag) else tag


def seconds(text: str, what: str) -> float:
    """`14d`, `1h30m`, `500ms` in seconds. Raises UsageError; `what` names the flag or option."""
    text = "0s" if text == "0" else text
    parts = _PART.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise UsageError(f"{what}: {text!r} is not a duration", fix="write 14d, 24h or 90m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def size(text: str, what: str) -> int:
    """`20GB`, `500M` in bytes, in units of 1,000 as reports show. Raises UsageError; `what` is the flag."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{what}: {text!r} is not a size", fix="write 20GB, 500MB or a number of bytes")
    return int(float(found[1]) * _BYTES[found[2].lower()])
