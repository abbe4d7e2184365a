"""What a proxy may do to a request, and the rules that say to which."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Request:
    """The part of a request that rules look at. ``path`` has the query in it."""

    method: str
    path: str


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer, so that the client sees a reset."""


@dataclass(frozen=True)
class Respond:
    """Answer in the server's place; the server never sees the request."""

    status: int
    body: bytes = b""
    content_type: str = "application/xml"

    def encoded(self, *, head: bool) -> bytes:
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Status"
        lines = (
            f"HTTP/1.1 {self.status} {reason}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Connection: close",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head else self.body)


@dataclass(frozen=True)
class Truncate:
    """Send the response's head and this share of its body, then close."""

    share: float = 0.5


@dataclass(frozen=True)
class Stall:
    """Take the request and stay silent, then close. Bounded, so that no test hangs for ever."""

    seconds: float = 60.0


@dataclass(frozen=True)
class Trickle:
    """Send the response's body at this many bytes a second."""

    bytes_per_second: float = 1000.0


@dataclass(frozen=True)
class Delay:
    """Forward the request only after so many seconds."""

    seconds: float


Fault = Drop | Respond | Truncate | Stall | Trickle | Delay


@dataclass
class Rule:
    """``fault`` for requests that ``matches`` accepts: after ``skip`` of them, ``times`` times."""

    matches: Callable[[Request], bool]
    fault: Fault
    times: int | None = None
    skip: int = 0
    seen: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def take(self, request: Request) -> Fault | None:
        """The fault if it is this request's turn; counts."""
        if not self.matches(request):
            return None
        with self._lock:
            self.seen += 1
            turn = self.seen - self.skip
        return self.fault if turn > 0 and (self.times is None or turn <= self.times) else None


def on(method: str = "*", containing: str = "") -> Callable[[Request], bool]:
    """A predicate: ``on("GET", "/blobs/")``. ``*`` is every method."""

    def matches(request: Request) -> bool:
        return method in ("*", request.method) and containing in request.path

    return matches
