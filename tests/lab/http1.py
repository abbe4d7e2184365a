"""Just enough HTTP/1.1 to know where each message on a kept-alive connection ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK = 256 * 1024
UNTIL_CLOSE = -2  # framing of a response without a length
CHUNKED = -1


@dataclass(frozen=True)
class Head:
    """A message's first line and headers, kept as received: signatures cover these bytes."""

    raw: bytes
    first: tuple[str, str, str]
    headers: dict[str, str]

    @property
    def status(self) -> int:
        return int(self.first[1])

    @property
    def closes(self) -> bool:
        return "close" in self.headers.get("connection", "").lower()

    @property
    def expects_continue(self) -> bool:
        return "100-continue" in self.headers.get("expect", "").lower()

    def request_body(self) -> int:
        """Length of the body, or CHUNKED."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return CHUNKED
        return int(self.headers.get("content-length", 0))

    def response_body(self, method: str) -> int:
        """Length of the body, CHUNKED or UNTIL_CLOSE."""
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            return 0
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return CHUNKED
        length = self.headers.get("content-length")
        return UNTIL_CLOSE if length is None else int(length)


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, or None at the end of the connection."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = (*first.split(" ", 2), "", "")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Head(raw, (words[0], words[1], words[2]), headers)


async def body(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    """The body's bytes as they are on the wire, chunk headers included."""
    if length == UNTIL_CLOSE:
        while data := await reader.read(CHUNK):
            yield data
    elif length == CHUNKED:
        async for data in _chunks(reader):
            yield data
    else:
        async for data in _exactly(reader, length):
            yield data


async def _exactly(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length:
        data = await reader.read(min(CHUNK, length))
        if not data:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(data)
        yield data


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await reader.readuntil(b"\r\n")
        yield line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        async for data in _exactly(reader, size + 2):
            yield data
    while line != b"\r\n":  # trailers, then an empty line
        line = await reader.readuntil(b"\r\n")
        yield line
