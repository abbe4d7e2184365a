"""A boto3 client for a cache's bucket, its timeouts, and what S3's error codes mean."""

from __future__ import annotations

import functools
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastbuild.cache.objects_api import CONNECT_TIMEOUT, SILENCE_TIMEOUT

if TYPE_CHECKING:
    from fastbuild.cache.credentials import Credentials

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REGION = "the bucket is in another region: correct region="
FIXES = {
    "NoSuchBucket": "create the bucket, or correct its name",
    "InvalidAccessKeyId": _KEYS,
    "XAdminUserNotFound": _KEYS,  # versitygw
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": "check AWS_SESSION_TOKEN",
    "ExpiredToken": "the session has expired: log in again",
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "set this machine's clock by NTP",
}
"""Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which server to speak to, and how."""

    region: str
    endpoint: str
    path_style: bool


_MAKING = threading.Lock()


def client(place: Place, credentials: Credentials) -> Any:
    """A boto3 client, made once for all the names of a cache: making one takes a tenth of a second."""
    with _MAKING:
        return _client(place, credentials)


@functools.lru_cache(maxsize=4)
def _client(place: Place, credentials: Credentials) -> Any:
    import boto3
    from botocore.config import Config

    # a session of its own: the default one may not be used by two threads
    return boto3.Session().client(
        "s3",
        region_name=place.region,
        endpoint_url=place.endpoint or None,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=SILENCE_TIMEOUT,
            retries={"total_max_attempts": 2, "mode": "standard"},
            # servers other than AWS often lack the newer checksums
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if place.path_style else "auto"},
        ),
    )


def code_of(error: Any) -> str:
    """The server's error code, or `error` when it sent something else: the text could be anything."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else "error"


def host_of(endpoint: str) -> str:
    """Host and port of an endpoint; no user, no password."""
    try:
        return urlsplit(endpoint).netloc.rpartition("@")[2]
    except ValueError:
        return ""
