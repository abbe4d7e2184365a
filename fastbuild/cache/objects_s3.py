"""A `type=s3` cache: `<prefix><manifests_prefix><name>` is the manifest, `<prefix>blobs/sha256:…` the layers.

The side file is `<prefix>fastbuild/side/<manifests_prefix><name>`: neither among the manifests, which a
collector of garbage reads as such, nor among the blobs, which it deletes when no manifest names them. One of
ours may be deleted at any time: explanations become "unknown", builds stay as they are.

Expiry by age (a lifecycle rule) treats both alike, for a build that writes the manifest writes the side
file after it. A rule for `blobs/` alone leaves side files; each name has one, which the next build replaces.
With a rule for all, a name that is read but not written loses both.

Layout: BuildKit v0.34.1, cache/remotecache/s3/s3.go.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastbuild.cache.credentials import split_credentials
from fastbuild.cache.objects_api import (
    MANIFEST_LIMIT,
    READ_SECONDS,
    SIDE_LIMIT,
    WRITE_SECONDS,
    CacheReadError,
    Manifest,
    Unreadable,
    check_side,
    is_true,
    within,
)
from fastbuild.cache.objects_oci import digest_of
from fastbuild.cache.s3 import endpoint_from, region_from
from fastbuild.cache.s3_client import FIXES, Place, client, code_of, host_of
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.credentials import Credentials
    from fastbuild.request import CacheSpec

Found = tuple[bytes, float | None]
SIDE_FOLDER = "fastbuild/side/"
_CHUNK = 2**20
_ABSENT = {"NoSuchKey"}  # as BuildKit; a bare 404 comes from something that is no S3
_DENIED = {"AccessDenied", "403", "Forbidden", "AllAccessDisabled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Objects:
    """The cache in `bucket` under `names`: an export writes all of them, an import reads the first."""

    place: Place
    credentials: Credentials = field(repr=False)
    bucket: str
    prefix: str
    manifests_prefix: str
    names: tuple[str, ...]

    @property
    def manifest_key(self) -> str:
        """The key of the manifest that an import reads."""
        return f"{self.prefix}{self.manifests_prefix}{self.names[0]}"

    @property
    def side_keys(self) -> tuple[str, ...]:
        """The keys of the side files, one for each name."""
        return tuple(f"{self.prefix}{SIDE_FOLDER}{self.manifests_prefix}{name}" for name in self.names)

    def read_manifest(self) -> Manifest | None:
        """What an import would read; BuildKit's own sizes are in the text."""
        found = within(READ_SECONDS, *self._reading(self.manifest_key, MANIFEST_LIMIT))
        if found is None:
            return None
        text, modified = found
        return Manifest(text=text, digest=digest_of(text), sizes={}, modified=modified)

    def read_side(self) -> bytes | None:
        """The first name's side file; None when there is none."""
        found = within(READ_SECONDS, *self._reading(self.side_keys[0], SIDE_LIMIT))
        return found[0] if found else None

    def write_side(self, data: bytes, manifest_digest: str) -> None:
        """Replace each name's side file; the digest also goes to the object's metadata."""
        check_side(data)
        for key in self.side_keys:
            what = f"writing s3://{self.bucket}/{key}"
            within(WRITE_SECONDS, what, functools.partial(self._put, key, data, manifest_digest))

    def _reading(self, key: str, limit: int) -> tuple[str, functools.partial[Found | None]]:
        return f"reading s3://{self.bucket}/{key}", functools.partial(self._get, key, limit)

    def _get(self, key: str, limit: int) -> Found | None:
        """An object and when it was written; None when it is absent."""
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"s3://{self.bucket}/{key}"
        try:
            answer = client(self.place, self.credentials).get_object(Bucket=self.bucket, Key=key)
            # not `with body`, which gives the stream below it, where a cut is no error
            with contextlib.closing(answer["Body"]) as body:
                data = _bounded(body, answer["ContentLength"], limit, where)
            written = answer.get("LastModified")
            return data, written.timestamp() if written else None
        except ClientError as error:
            if code_of(error) in _ABSENT:
                return None
            raise self.refused(error, f"{where} can't be read", "s3:GetObject and s3:ListBucket") from None
        except BotoCoreError as error:
            raise self.unreachable(error) from None

    def _put(self, key: str, data: bytes, manifest_digest: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client(self.place, self.credentials).put_object(
                Bucket=self.bucket,
                Key=key,
                Body=data,
                ContentType="application/octet-stream",
                Metadata={"manifest": manifest_digest},
            )
        except ClientError as error:
            what = f"s3://{self.bucket}/{key} can't be written"
            raise self.refused(error, what, "s3:PutObject") from None
        except BotoCoreError as error:
            raise self.unreachable(error) from None

    def refused(self, error: Any, what: str, right: str) -> CacheReadError:
        """What the server's refusal means; `right` is what a policy must allow."""
        code = code_of(error)
        fix = f"allow {right} on {self.bucket}" if code in _DENIED else FIXES.get(code, "")
        return CacheReadError(what, cause=code, fix=fix)

    def unreachable(self, error: Exception) -> CacheReadError:
        """The server can't be spoken to."""
        # only the host: an endpoint may hold a password
        host = host_of(self.place.endpoint) or f"AWS in {self.place.region}"
        return CacheReadError(
            f"{host} gives no usable answer",
            cause=type(error).__name__,
            fix="check the address and the network",
        )


def s3_objects(
    spec: CacheSpec, credentials: Credentials | None, environ: Mapping[str, str]
) -> S3Objects | Unreadable:
    """From an import's or export's options, with BuildKit's defaults."""
    try:
        bare, own = split_credentials(spec)
    except UsageError as error:
        return Unreadable(error.what)
    identity = own or credentials
    bucket = bare.get("bucket") or environ.get("AWS_BUCKET", "")
    endpoint = bare.get("endpoint_url")
    region = bare.get("region") or region_from(environ) or ("us-east-1" if endpoint else "")
    if not bucket or not region:
        return Unreadable(f"type=s3: no {'region' if bucket else 'bucket'} is given")
    if identity is None:
        return Unreadable(
            "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
            "or give the job a role"
        )
    return S3Objects(
        # BuildKit heeds use_path_style only with an endpoint of its own
        place=Place(
            region=region,
            endpoint=endpoint or endpoint_from(environ),
            path_style=bool(endpoint) and is_true(bare.get("use_path_style")),
        ),
        credentials=identity,
        bucket=bucket,
        prefix=bare.get("prefix"),
        manifests_prefix=bare.get("manifests_prefix", "manifests/"),
        names=tuple(bare.get("name", "buildkit").split(";")),
    )


def _bounded(body: Any, declared: int, limit: int, where: str) -> bytes:
    """The whole body; raises CacheReadError beyond `limit` bytes, declared or sent."""
    parts: list[bytes] = []
    read = 0
    while declared <= limit and read <= limit and (part := body.read(_CHUNK)):
        parts.append(part)
        read += len(part)
    if declared > limit or read > limit:
        raise CacheReadError(f"{where} is not read", cause=f"it has more than {limit} bytes")
    return b"".join(parts)
