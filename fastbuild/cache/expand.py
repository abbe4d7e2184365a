"""`expand`: from a `--cache` value and names to the specs an engine gets."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from fastbuild.cache.api import Location
from fastbuild.cache.azblob import expand_azblob
from fastbuild.cache.credentials import SECRET_OPTIONS
from fastbuild.cache.gha import expand_gha
from fastbuild.cache.local import expand_local
from fastbuild.cache.registry import expand_registry
from fastbuild.cache.s3 import expand_s3
from fastbuild.errors import UsageError
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Backend, Expansion
    from fastbuild.cache.names import CacheNames

BACKENDS: Mapping[str, Backend] = {
    "s3": expand_s3,
    "registry": expand_registry,
    "local": expand_local,
    "gha": expand_gha,
    "azblob": expand_azblob,
}
FORMS = "s3://BUCKET/PREFIX?region=…, registry://HOST/REPOSITORY, local:DIR, gha, or type=…,key=value"
_SECRETS = {*SECRET_OPTIONS, "token", "ghtoken"}


def expand(value: str, names: CacheNames, environ: Mapping[str, str]) -> Expansion:
    """The imports and exports for one `--cache` value.

    Raises UsageError for an unknown form or option and for credentials, which would end in argv and in the
    engine's history. No export when `names.write` is None.
    """
    location = parse(value)
    secret = next((key for key, _ in location.options if key in _SECRETS), None)
    if secret:
        raise UsageError(
            f"--cache: {secret} doesn't belong into the value",
            cause="it would show in process lists, logs and the engine's history",
            fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or a role; "
            "they are handed to the engine safely",
        )
    return BACKENDS[location.type](location, names, environ)


def parse(value: str) -> Location:
    """A `--cache` value taken apart; raises UsageError when its form is unknown."""
    text = value.strip()
    if text.startswith("type="):
        spec = CacheSpec.parse(text, flag="--cache")
        location = Location(type=spec.type, path="", options=spec.options)
    elif text == "gha" or text.startswith("gha?"):
        location = Location(type="gha", path="", options=_query(text.partition("?")[2]))
    elif text.startswith("local:"):
        # a directory may hold any character, so it has no options
        location = Location(type="local", path=text.removeprefix("local:").removeprefix("//"))
    elif text.startswith(("s3://", "registry://")):
        # not urlsplit: a # or an odd host is for the backend to judge
        kind, _, rest = text.partition("://")
        path, _, query = rest.partition("?")
        if "@" in path.partition("/")[0]:
            raise UsageError(
                f"--cache: credentials don't belong into {kind}://…",
                fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use `docker login`",
            )
        location = Location(type=kind, path=path, options=_query(query))
    else:
        # only its beginning: the rest of a URL may hold a password
        start = value.partition(":")[0][:20]
        raise UsageError(f"--cache: unknown form {start!r}…", fix=f"use {FORMS}")
    if location.type not in BACKENDS:
        fix = "use --cache-to type=inline" if location.type == "inline" else f"use {FORMS}"
        raise UsageError(f"--cache: type={location.type} can't be used here", fix=fix)
    return location


def _query(text: str) -> tuple[tuple[str, str], ...]:
    # + is an ordinary character in endpoints and prefixes, unlike in forms
    return tuple(parse_qsl(text.replace("+", "%2B"), keep_blank_values=True))
