"""AWS credentials: found on the client, carried beside the options and never inside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.request import CacheSpec

SECRET_OPTIONS = ("access_key_id", "secret_access_key", "session_token")
"""Options of type=s3 that are credentials."""
COMMAND_LINE = "the command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An AWS identity; its text form shows where it came from and the key's first letters only."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    source: str

    @property
    def typed(self) -> bool:
        """Whether it stood in an option, not where AWS tools look."""
        return self.source == COMMAND_LINE

    def environ(self) -> tuple[tuple[str, str], ...]:
        """The variables that give this identity to a program, for `Command.secret_env`.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
        """
        pairs = (
            ("AWS_ACCESS_KEY_ID", self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", self.secret_access_key),
        )
        return (*pairs, ("AWS_SESSION_TOKEN", self.session_token)) if self.session_token else pairs

    def __str__(self) -> str:
        return f"{self.access_key_id[:4]}… from {self.source}"


def resolve(environ: Mapping[str, str], profile: str | None = None) -> Credentials | None:
    """The identity AWS's own tools would use, or None when there is none.

    Static keys in `environ` are taken at once; the rest of the chain (profiles, web identity, container,
    instance) is boto3's, which reads the process's environment and may ask the network for seconds.
    Raises UsageError when a source is configured but broken: an unknown profile, an expired login.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
    """
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if profile is None and key and secret:
        return Credentials(
            access_key_id=key,
            secret_access_key=secret,
            session_token=environ.get("AWS_SESSION_TOKEN", ""),
            source="the environment",
        )
    return _from_chain(profile)


def _from_chain(profile: str | None) -> Credentials | None:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.Session(profile_name=profile).get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except (BotoCoreError, ClientError) as error:
        raise UsageError(
            f"AWS credentials can't be loaded: {error}",
            cause="a profile, login or role is configured but not usable",
            fix="run `aws sts get-caller-identity` with the same settings, or `aws sso login`",
        ) from error
    if found is None or frozen is None or not frozen.access_key or not frozen.secret_key:
        return None
    return Credentials(
        access_key_id=frozen.access_key,
        secret_access_key=frozen.secret_key,
        session_token=frozen.token or "",
        source=f"boto3: {found.method}",
    )


def split_credentials(spec: CacheSpec) -> tuple[CacheSpec, Credentials | None]:
    """Take the credentials out of a raw `type=s3,…`: the spec without them, and the identity.

    Raises UsageError when only half of a key pair is given: BuildKit would ignore it.
    """
    if spec.type != "s3":
        return spec, None
    key, secret, token = (spec.get(option) for option in SECRET_OPTIONS)
    bare = spec.without(*SECRET_OPTIONS)
    if not key and not secret:
        return bare, None
    if not key or not secret:
        raise UsageError(
            "type=s3: access_key_id and secret_access_key go together",
            cause="BuildKit ignores one without the other",
            fix="give both, or neither and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return bare, Credentials(
        access_key_id=key, secret_access_key=secret, session_token=token, source=COMMAND_LINE
    )
