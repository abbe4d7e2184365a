"""The speed of a link: counted bytes, a shared rate, a round-trip time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


class Bucket:
    """Bytes a second shared by all connections in one direction; None is unlimited."""

    SLACK = 0.002  # sleeping for less is inexact; the debt is kept and paid later
    BURST = 0.02  # seconds of sending that may be made up: a real link has buffers too

    def __init__(self, bytes_per_second: float | None) -> None:
        self.rate = bytes_per_second
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        if not self.rate:
            return
        now = time.monotonic()
        self._free_at = max(now - self.BURST, self._free_at) + count / self.rate
        if self._free_at - now > self.SLACK:
            await asyncio.sleep(self._free_at - now)


@dataclass
class Link:
    """One link, used by every connection through the proxy. Both directions run at full rate."""

    bytes_per_second: float | None = None
    latency: float = 0.0  # seconds, paid once a connection and once a request
    up: Bucket = field(init=False)
    down: Bucket = field(init=False)

    def __post_init__(self) -> None:
        self.up = Bucket(self.bytes_per_second)
        self.down = Bucket(self.bytes_per_second)

    async def round_trip(self) -> None:
        if self.latency:
            await asyncio.sleep(self.latency)


@dataclass(frozen=True)
class Traffic:
    """Bytes through the proxy: ``up`` from client to server, ``down`` back."""

    up: int
    down: int
    requests: int
    connections: int

    def __sub__(self, before: Traffic) -> Traffic:
        return Traffic(
            self.up - before.up,
            self.down - before.down,
            self.requests - before.requests,
            self.connections - before.connections,
        )


@dataclass(frozen=True)
class Exchange:
    """One finished request; ``status`` is 0 when no answer was given."""

    method: str
    path: str
    status: int
    down: int
    fault: str = ""
