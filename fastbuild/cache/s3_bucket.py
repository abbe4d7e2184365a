"""Objects of a bucket one by one: listed, looked at, read, hashed, written and deleted."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from fastbuild.cache.objects_api import CacheReadError, within
from fastbuild.cache.s3_client import client, code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.cache.objects_s3 import S3Objects

LIST_SECONDS = 300.0
"""Seconds for a list of keys: 1,000 a request."""
OBJECT_SECONDS = 60.0
"""Seconds for one object's time, its bytes where they are few, or its end."""
HASH_SECONDS = 3600.0
"""Seconds for reading one blob to its end."""
_GONE = {"NoSuchKey", "404", "NotFound"}
_CHUNK = 2**20
_RIGHTS = {
    "list_objects_v2": "s3:ListBucket",
    "delete_object": "s3:DeleteObject",
    "put_object": "s3:PutObject",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object: `size` in bytes, `modified` in Unix seconds."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket that a cache lies in. Each method raises CacheReadError."""

    cache: S3Objects

    def entries(self, prefix: str) -> tuple[float, list[Entry]]:
        """The server's time (Unix seconds) before the list, and what begins with `prefix`."""
        return within(LIST_SECONDS, f"listing {self._named(prefix)}", lambda: self._pages(prefix))

    def head(self, key: str) -> Entry | None:
        """An object's size and time now; None when it is absent."""
        return within(OBJECT_SECONDS, f"looking at {self._named(key)}", lambda: self._head(key))

    def get(self, key: str, limit: int, **how: str) -> bytes | None:
        """An object of at most `limit` bytes, or None; `how` as boto3's get_object takes it."""
        return within(OBJECT_SECONDS, f"reading {self._named(key)}", lambda: self._get(key, limit, **how))

    def hash(self, key: str) -> str | None:
        """`sha256:…` of an object, read to its end; None when it is absent."""
        return within(HASH_SECONDS, f"reading {self._named(key)}", lambda: self._hash(key))

    def put(self, key: str, data: bytes) -> None:
        """Write a small object of JSON."""
        write = functools.partial(self._ask, "put_object", key, Body=data, ContentType="application/json")
        within(OBJECT_SECONDS, f"writing {self._named(key)}", write)

    def delete(self, key: str) -> None:
        """Delete an object; one that is absent is no error."""
        within(OBJECT_SECONDS, f"deleting {self._named(key)}", lambda: self._ask("delete_object", key))

    def _named(self, key: str) -> str:
        return f"s3://{self.cache.bucket}/{key}"

    def _pages(self, prefix: str) -> tuple[float, list[Entry]]:
        found: list[Entry] = []
        now = 0.0
        token: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", "", Prefix=prefix, **token)
            now = now or _server_time(page)
            found += [_entry(each["Key"], each["Size"], each) for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return now, found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _head(self, key: str) -> Entry | None:
        found = self._ask("head_object", key)
        return _entry(key, found["ContentLength"], found) if found else None

    def _get(self, key: str, limit: int, **how: str) -> bytes | None:
        answer = self._ask("get_object", key, **how)
        if answer is None:
            return None
        parts: list[bytes] = []
        read = 0
        for part in self._parts(answer["Body"]):
            parts.append(part)
            read += len(part)
            if read > limit:
                raise CacheReadError(f"{self._named(key)} is not read", cause=f"it has over {limit} bytes")
        return b"".join(parts)

    def _hash(self, key: str) -> str | None:
        answer = self._ask("get_object", key)
        if answer is None:
            return None
        found = hashlib.sha256()
        for part in self._parts(answer["Body"]):
            found.update(part)
        return f"sha256:{found.hexdigest()}"

    def _parts(self, stream: Any) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError

        try:
            # not `with stream`, which gives the one below it, where a cut is no error
            with contextlib.closing(stream) as body:
                while part := body.read(_CHUNK):
                    yield part
        except BotoCoreError as error:
            raise self.cache.unreachable(error) from None

    def _ask(self, call: str, key: str, **more: Any) -> Any:
        """A request's answer; None when the object is absent."""
        from botocore.exceptions import BotoCoreError, ClientError

        named = {"Key": key} if key else {}
        try:
            made = getattr(client(self.cache.place, self.cache.credentials), call)
            return made(Bucket=self.cache.bucket, **named, **more)
        except ClientError as error:
            if key and code_of(error) in _GONE:
                return None
            what = f"{self._named(key)}: {call.replace('_', ' ')} is refused"
            raise self.cache.refused(error, what, _RIGHTS.get(call, "s3:GetObject")) from None
        except BotoCoreError as error:
            raise self.cache.unreachable(error) from None


def _entry(key: str, size: int, found: Any) -> Entry:
    return Entry(key=key, size=size, modified=found["LastModified"].timestamp())


def _server_time(answer: Any) -> float:
    """The server's clock, which also dates the objects: ours may be wrong."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return time.time()
