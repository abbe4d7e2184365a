"""Keeping secrets that were given as build arguments, or inside URLs, out of what is stored and reported.

BuildKit expands arguments in the names of steps (`ADD https://$USER:$TOKEN@host/file /`), and repeats those
names in its errors.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

MASK = "***"
SHORTEST = 6
"""Characters: shorter values (`true`, `main`) are words that stand everywhere."""

_SECRET = re.compile(
    r"(?:_|^)(?:api_?key|auth|credentials?|key|pass|password|passwd|pword|pwd|secrets?|token|pat)(?:_|\d*$)",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?P<scheme>\w+)://(?P<userinfo>[^/?#]*)@")
_PUBLIC = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Whether a build argument's value is none for others, judged by its name.

    The words are those of BuildKit's check SecretsUsedInArgOrEnv, and some more.
    """
    return bool(_SECRET.search(name)) and not _PUBLIC.search(name)


def secret_values(build_args: Iterable[tuple[str, str | None]], urls: Iterable[str]) -> tuple[str, ...]:
    """The values to mask, longest first: of arguments that look secret, and of passwords in URLs."""
    found = {value for name, value in build_args if value and looks_secret(name)}
    found |= {word for url in urls for word in _userinfo(url)}
    return tuple(sorted((v for v in found if len(v) >= SHORTEST), key=lambda value: (-len(value), value)))


def masked(value: T, secrets: tuple[str, ...]) -> T:
    """The same value with secrets in its texts replaced, in tuples and dataclasses at any depth."""
    if not secrets:
        return value
    found: T = _masked(value, secrets)
    return found


def _masked(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, tuple):
        return tuple(_masked(item, secrets) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _masked(getattr(value, f.name), secrets) for f in fields(value)})
    return value


def _userinfo(url: str) -> tuple[str, ...]:
    """The password of `https://user:password@host/…`, or the token of `https://token@host/…`."""
    found = _USERINFO.match(url)
    if found is None:
        return ()
    user, separator, password = found["userinfo"].partition(":")
    if separator:
        return (password,)
    return (user,) if found["scheme"].startswith("http") else ()
