"""What can be read of a remote cache without an engine, and the limits that hold for every kind of cache."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MANIFEST_LIMIT = 64 * 2**20
"""Bytes of BuildKit's cache config that are read."""
SIDE_LIMIT = 32 * 2**20
"""Bytes of a side file that are read or written."""
CONNECT_TIMEOUT = 2.0
"""Seconds to wait for a connection."""
SILENCE_TIMEOUT = 4.0
"""Seconds a server may say nothing."""
READ_SECONDS = 10.0
"""Seconds for a whole read, however many requests it takes."""
WRITE_SECONDS = 30.0
"""Seconds for a whole write."""

Sizes = dict[str, tuple[int, float | None]]
Result = TypeVar("Result")


class CacheReadError(Exception):
    """A cache, or our file beside it, could not be read or written. A build goes on without it.

    `what`, `cause` and `fix` are as in `errors.FastbuildError`, but no command ends with it.
    """

    def __init__(self, what: str, *, cause: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        cause = f" ({self.cause})" if self.cause else ""
        return f"{self.what}{cause}" + (f": {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """BuildKit's manifest of a cache as it was found.

    `text` is the cache config's JSON (`records` and `layers`). `digest` names this state of the cache: the
    sha256 of the text, or the digest of the manifest that holds it. `sizes` gives bytes and creation (Unix
    seconds) by blob digest where the JSON lacks them. `modified` is when it was written, in Unix seconds,
    where the storage says so. `refused` says why BuildKit would not import it, although we could read it.
    """

    text: bytes = field(repr=False)
    digest: str
    sizes: Mapping[str, tuple[int, float | None]] = field(repr=False)
    modified: float | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """This cache can't be read from here; `reason` says why in one sentence."""

    reason: str


class Objects(Protocol):
    """One cache: what an import would read, and our side file beside it.

    Each method raises CacheReadError, and nothing else, after at most READ_SECONDS or WRITE_SECONDS.
    """

    def read_manifest(self) -> Manifest | None:
        """BuildKit's manifest; None when nothing was ever written under this name."""

    def read_side(self) -> bytes | None:
        """The side file; None when there is none."""

    def write_side(self, data: bytes, manifest_digest: str) -> None:
        """Replace the side file. `manifest_digest` is that of the manifest it describes."""


def within(seconds: float, what: str, call: Callable[[], Result]) -> Result:
    """What `call` returns; raises CacheReadError when it fails or takes longer than `seconds`.

    Its own thread is the only limit that holds for names that don't resolve, servers that send a byte a
    second and directories on a network. `what` begins the message: "the cache s3 main".
    """
    returned: list[Result] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            returned.append(call())
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="fastbuild-cache", daemon=True)
    thread.start()
    thread.join(seconds)
    if returned:
        return returned[0]
    if raised and isinstance(raised[0], CacheReadError):
        raise raised[0]
    if raised:
        # not the error's text: it may hold an address with a password, or a header
        raise CacheReadError(f"{what} failed", cause=type(raised[0]).__name__) from None
    raise CacheReadError(f"{what} was given up after {seconds:g} seconds", fix="check the network to it")


def check_side(data: bytes) -> None:
    """Raise CacheReadError when `data` is more than would be read again."""
    if len(data) > SIDE_LIMIT:
        raise CacheReadError(f"the side file is not written: {len(data)} bytes are over {SIDE_LIMIT}")


def is_true(text: str) -> bool:
    """Whether BuildKit takes an option's value for true: https://pkg.go.dev/strconv#ParseBool"""
    return text in {"1", "t", "T", "TRUE", "true", "True"}
