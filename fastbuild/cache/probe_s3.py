"""Tries an S3 cache as BuildKit uses it: PUT, GET, HEAD of a present and an absent key; then DELETE."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fastbuild.cache.api import Health, ReadOnly, Unusable, Usable
from fastbuild.cache.s3 import as_prefix

if TYPE_CHECKING:
    from fastbuild.cache.credentials import Credentials
    from fastbuild.request import CacheSpec

_BODY = b"fastbuild probe; may be deleted\n"
_DENIED = ("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "MethodNotAllowed")
_ABSENT = ("NoSuchKey", "404", "NotFound")
_BAD_KEY = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_FIXES = {
    "NoSuchBucket": "create it with `aws s3 mb s3://{bucket} --region {region}`, or correct the name",
    "InvalidAccessKeyId": f"the server doesn't know the access key: {_BAD_KEY}",
    "XAdminUserNotFound": f"the server doesn't know the access key: {_BAD_KEY}",  # versitygw
    "SignatureDoesNotMatch": f"the secret key is wrong: {_BAD_KEY}",
    "InvalidToken": "the session token is wrong or belongs to another key: check AWS_SESSION_TOKEN",
    "ExpiredToken": "the session has expired: log in again, or ask for a longer session",
    "PermanentRedirect": "the bucket is in another region than {region}: correct ?region=",
    "301": "the bucket is in another region than {region}: correct ?region=",
    "AuthorizationHeaderMalformed": "the bucket is in another region than {region}: correct ?region=",
    "IllegalLocationConstraintException": "the bucket is in another region: correct ?region=",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it by NTP",
    "SlowDown": "the server is overloaded: try again later",
}
"""Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


def check_s3(spec: CacheSpec, credentials: Credentials | None, *, timeout: float) -> Health:
    """Reads and writes one small object beside the blobs; `timeout` is seconds for each request."""
    from botocore.exceptions import BotoCoreError, ClientError

    if credentials is None:
        return Unusable(
            reason="no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or give the job a role"
        )
    bucket = spec.get("bucket")
    # beside the blobs, since a policy may allow no other place; not among the manifests, which are listed
    folder = spec.get("prefix") + (spec.get("blobs_prefix") or as_prefix("blobs"))
    key = f"{folder}fastbuild-probe-{uuid.uuid4().hex}"
    try:
        client = _client(spec, credentials, timeout)
        try:
            client.put_object(Bucket=bucket, Key=key, Body=_BODY)
        except ClientError as error:
            if _code(error) not in _DENIED:
                raise
            return _after_denied_put(client, bucket, key)
        return _after_put(client, bucket, key)
    except ClientError as error:
        return Unusable(reason=_explain(error, spec))
    except (BotoCoreError, ValueError) as error:
        where = spec.get("endpoint_url") or f"AWS in {spec.get('region')}"
        return Unusable(reason=f"{error}: check that {where} is the right address and can be reached")


def _client(spec: CacheSpec, credentials: Credentials, timeout: float) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        region_name=spec.get("region") or None,
        endpoint_url=spec.get("endpoint_url") or None,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        config=Config(
            connect_timeout=timeout,
            read_timeout=timeout,
            retries={"total_max_attempts": 1},
            # servers other than AWS often lack the newer checksums
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if spec.get("use_path_style") == "true" else "auto"},
        ),
    )


def _after_denied_put(client: Any, bucket: str, key: str) -> Health:
    """Writing is denied: a key that is reported absent shows that reading is allowed."""
    from botocore.exceptions import ClientError

    why = f"writing to s3://{bucket} is denied: allow s3:PutObject on {bucket}/*"
    try:
        client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if _code(error) in _ABSENT:
            return ReadOnly(reason=why)
        return Unusable(reason=f"{why}; reading as well: s3:GetObject and s3:ListBucket")
    return ReadOnly(reason=why)


def _after_put(client: Any, bucket: str, key: str) -> Health:
    from botocore.exceptions import ClientError

    note = ""
    try:
        intact = client.get_object(Bucket=bucket, Key=key)["Body"].read() == _BODY
        client.head_object(Bucket=bucket, Key=key)
        # an export first asks for each blob: without leave to list, an absent one is "forbidden",
        # which ends it
        lists = _reports_absent(client, bucket, f"{key}-absent")
    except ClientError as error:
        if _code(error) not in _DENIED:
            raise
        return Unusable(reason=f"reading from s3://{bucket} is denied: allow s3:GetObject on {bucket}/*")
    finally:
        try:
            client.delete_object(Bucket=bucket, Key=key)
        except ClientError:
            note = f"{key} could not be deleted (no s3:DeleteObject): pruning the cache will fail too"
    if not intact:
        return Unusable(reason=f"s3://{bucket}/{key} came back changed: a proxy in between is at fault")
    if not lists:
        return ReadOnly(
            reason=f"absent objects are reported as forbidden, which ends an export: "
            f"allow s3:ListBucket on {bucket}"
        )
    return Usable(note=note)


def _reports_absent(client: Any, bucket: str, key: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        return _code(error) in _ABSENT
    return True


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain(error: Any, spec: CacheSpec) -> str:
    code = _code(error)
    fix = _FIXES.get(code, "see the server's log; `aws s3 ls` with the same settings should fail too")
    message = error.response.get("Error", {}).get("Message") or code
    fix = fix.format(bucket=spec.get("bucket"), region=spec.get("region"))
    return f"{code}: {message}; {fix}"
