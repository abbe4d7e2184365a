"""`objects_for`: reads what an engine would import from a cache, and keeps our side file beside it.

The side file holds what BuildKit's manifest lacks (see `explain`). It lies where neither BuildKit nor a
collector of its garbage looks: each `objects_…` module says where, and what becomes of it when caches expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.cache.objects_api import CacheReadError, Manifest, Objects, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.credentials import Credentials
    from fastbuild.request import CacheSpec

__all__ = ["CacheReadError", "Manifest", "Objects", "Unreadable", "objects_for"]


def objects_for(
    spec: CacheSpec, credentials: Credentials | None, environ: Mapping[str, str]
) -> Objects | Unreadable:
    """The objects of one cache, for an import or an export; no request is sent yet.

    `credentials` are for S3, unless the spec holds its own; registries get docker's login. `environ` gives
    what BuildKit reads from there: AWS_BUCKET, AWS_REGION and the endpoint. Never raises.
    """
    match spec.type:
        case "s3":
            from fastbuild.cache.objects_s3 import s3_objects

            return s3_objects(spec, credentials, environ)
        case "registry":
            from fastbuild.cache.objects_registry import registry_objects

            return registry_objects(spec)
        case "local":
            from fastbuild.cache.objects_local import local_objects

            return local_objects(spec)
        case "inline":
            return Unreadable("an inline cache is part of its image; read it with type=registry")
        case "gha":
            return Unreadable("GitHub's cache service answers the engine only")
        case kind:
            return Unreadable(f"type={kind} can only be read by the engine")
