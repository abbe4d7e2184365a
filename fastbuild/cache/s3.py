"""`--cache s3://bucket/prefix?region=…`: BuildKit's S3 cache.

https://docs.docker.com/build/cache/backends/s3/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.cache.spec import only, specs
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Expansion, Location
    from fastbuild.cache.names import CacheNames

IMPORT_DEFAULTS = {"retry_max_attempts": "2"}
"""A dead endpoint costs about four seconds with the SDK's three attempts; a failed import is only a miss."""


def expand_s3(location: Location, names: CacheNames, environ: Mapping[str, str]) -> Expansion:
    """One import per name: BuildKit reads only the first of `name=a;b`.

    Raises UsageError without a bucket, or without a region when no endpoint is given.
    """
    options = dict(location.options)
    bucket, _, path = location.path.partition("/")
    bucket = bucket or options.pop("bucket", "") or environ.get("AWS_BUCKET", "")
    if not bucket:
        raise UsageError("--cache: no bucket", fix="write s3://BUCKET/PREFIX")
    endpoint = options.pop("endpoint_url", "") or endpoint_from(environ)
    region = options.pop("region", "") or region_from(environ) or ("us-east-1" if endpoint else "")
    if not region:
        raise UsageError(
            f"--cache s3://{bucket}: no region",
            cause="neither ?region= nor AWS_REGION is set, and BuildKit doesn't ask AWS for it",
            fix=f"write s3://{bucket}/{path}?region=eu-west-1 (with your region) or set AWS_REGION",
        )
    place = {
        "bucket": bucket,
        "region": region,
        "prefix": as_prefix(path or options.pop("prefix", "")),
        "endpoint_url": endpoint,
        # servers other than AWS rarely have a host name for each bucket
        "use_path_style": options.pop("use_path_style", "true") if endpoint else "",
    }
    for inner in ("blobs_prefix", "manifests_prefix"):
        if options.get(inner):
            options[inner] = as_prefix(options[inner])
    return specs(
        "s3",
        only(names, options.pop("name", None)),
        lambda name, _direction: {**place, "name": name},
        options=options,
        import_defaults=IMPORT_DEFAULTS,
    )


def as_prefix(path: str) -> str:
    """`path` ending with one slash, or empty: BuildKit glues prefix and key together."""
    parts = [part for part in path.split("/") if part]
    return "/".join(parts) + "/" if parts else ""


def region_from(environ: Mapping[str, str]) -> str:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html (the variables)"""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


def endpoint_from(environ: Mapping[str, str]) -> str:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (the variables)"""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
