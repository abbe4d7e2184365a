"""A TCP proxy that counts, slows down and breaks the traffic to a server.

Bytes are forwarded unchanged, so signed S3 requests stay valid: the client signs for the proxy's
address and the server checks against the Host header it receives.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Self

from tests.lab.faults import Delay, Drop, Fault, Request, Respond, Rule, Stall, Trickle, Truncate
from tests.lab.http1 import CHUNK, CHUNKED, UNTIL_CLOSE, Head, body, read_head
from tests.lab.link import Bucket, Exchange, Link, Traffic

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from types import TracebackType


class _Closed(Exception):
    """This connection is over; not an error."""


class FaultProxy:
    """``with FaultProxy("127.0.0.1:9000") as proxy: proxy.rules = [Rule(on("GET"), Drop())]``.

    ``target`` is host:port or an http URL. ``rules``: the first one whose turn it is decides.
    """

    def __init__(
        self,
        target: str,
        *,
        bytes_per_second: float | None = None,
        latency: float = 0.0,
        rules: Sequence[Rule] = (),
    ) -> None:
        host, _, port = target.removeprefix("http://").rstrip("/").rpartition(":")
        self._target = (host, int(port))
        self.link = Link(bytes_per_second, latency)
        self.rules: Sequence[Rule] = rules
        self._exchanges: list[Exchange] = []
        self.port = 0
        self._up = self._down = self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"

    @property
    def traffic(self) -> Traffic:
        """Counted since the start; subtract two snapshots for what lies between."""
        finished = len(self.exchanges)
        return Traffic(self._up, self._down, finished, self._connections)

    @property
    def exchanges(self) -> list[Exchange]:
        """Finished requests, oldest first."""
        # A turn of the loop: a client may have its answer before the proxy has noted it down.
        if self._loop.is_running():
            self._call(asyncio.sleep(0))
        return list(self._exchanges)

    def set_speed(self, bytes_per_second: float | None, latency: float = 0.0) -> None:
        """Another link from the next bytes on."""
        self.link = Link(bytes_per_second, latency)

    @contextlib.contextmanager
    def refused(self) -> Iterator[None]:
        """Within the block the port is closed and open connections are cut."""
        self._call(self._stop_listening())
        try:
            yield
        finally:
            self._call(self._listen())

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self._stop_listening())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=CHUNK, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self._connections += 1
        try:
            await self.link.round_trip()
            await self._serve(reader, writer)
        except (_Closed, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client connection, request by request, over one connection to the server."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while head := await read_head(reader):
                self._up += len(head.raw)
                await self.link.round_trip()
                request = Request(head.first[0], head.first[1])
                fault = next((f for rule in self.rules if (f := rule.take(request))), None)
                if fault:
                    await self._before(fault, head, reader, writer)
                upstream = upstream or await asyncio.open_connection(*self._target, limit=CHUNK)
                exchange = _Exchange(self, head, fault, (reader, writer), upstream)
                await exchange.run()
        finally:
            if upstream:
                upstream[1].close()

    async def _before(
        self,
        fault: Fault,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Faults that act in the server's place; the others return."""
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
            return
        if isinstance(fault, Truncate | Trickle):
            return
        status = 0
        if isinstance(fault, Stall):
            await asyncio.sleep(fault.seconds)
        elif isinstance(fault, Respond):
            if not head.expects_continue:  # unread bytes would turn the answer into a reset
                async for data in body(reader, head.request_body()):
                    self._up += len(data)
            answer = fault.encoded(head=head.first[0] == "HEAD")
            await self.send(writer, answer, self.link.down)
            self._down += len(answer)
            status = fault.status
        self.record(head, status, 0, fault)
        if isinstance(fault, Drop | Stall):
            raise _Closed
        writer.close()
        await writer.wait_closed()
        raise _Closed

    @staticmethod
    async def send(writer: asyncio.StreamWriter, data: bytes, bucket: Bucket) -> None:
        await bucket.take(len(data))
        writer.write(data)
        await writer.drain()

    async def upload(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        self._up += len(data)
        await self.send(writer, data, self.link.up)

    async def download(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self.send(writer, data, self.link.down)
        self._down += len(data)

    def record(self, head: Head, status: int, down: int, fault: Fault | None) -> None:
        name = type(fault).__name__ if fault else ""
        self._exchanges.append(Exchange(head.first[0], head.first[1], status, down, name))


class _Exchange:
    """One request and its response; the request's body flows while the response is awaited."""

    def __init__(
        self,
        proxy: FaultProxy,
        head: Head,
        fault: Fault | None,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._head = head
        self._fault = fault
        self._client_in, self._client_out = client
        self._server_in, self._server_out = server
        self._status = self._down = 0

    async def run(self) -> None:
        """Raises ``_Closed`` when the connection can't carry another request."""
        # The head was counted when it was read.
        await self._proxy.send(self._server_out, self._head.raw, self._proxy.link.up)
        sending = asyncio.create_task(self._send_body())
        closed = False
        try:
            closes = await self._receive()
            done, _ = await asyncio.wait({sending}, timeout=0 if sending.done() else 0.05)
            # A server may answer before it has read all: nothing can follow on this connection.
            if closes or self._head.closes or not done:
                raise _Closed
            await sending
        except _Closed:
            closed = True
            raise
        finally:
            sending.cancel()
            self._proxy.record(self._head, self._status, self._down, self._fault)
            if closed:
                await self._finish_writing()

    async def _send_body(self) -> None:
        async for data in body(self._client_in, self._head.request_body()):
            await self._proxy.upload(self._server_out, data)

    async def _receive(self) -> bool:
        """Forward the response; true if it ends the connection."""
        while True:
            head = await read_head(self._server_in)
            if head is None:
                raise _Closed
            await self._proxy.download(self._client_out, head.raw)
            if head.status >= 200:
                break
        self._status = head.status
        length = head.response_body(self._head.first[0])
        limit = self._cut(length)
        slow = Bucket(self._fault.bytes_per_second) if isinstance(self._fault, Trickle) else None
        async for data in body(self._server_in, length):
            piece = data if limit is None else data[: limit - self._down]
            for part in _parts(piece, slow):
                if slow:
                    await slow.take(len(part))
                await self._proxy.download(self._client_out, part)
                self._down += len(part)
            if limit is not None and self._down >= limit:
                raise _Closed
        return head.closes or length == UNTIL_CLOSE

    def _cut(self, length: int) -> int | None:
        """After how many bytes of the body a truncation falls; an empty body is left alone."""
        if not isinstance(self._fault, Truncate) or length == 0:
            return None
        # Without a length, one byte is all that is known to be too little.
        return max(1, int(length * self._fault.share)) if length not in (CHUNKED, UNTIL_CLOSE) else 1

    async def _finish_writing(self) -> None:
        """Let the client have what was sent, instead of a reset that discards it."""
        with contextlib.suppress(OSError):
            self._client_out.close()
            await self._client_out.wait_closed()


def _parts(data: bytes, slow: Bucket | None) -> Iterator[bytes]:
    """Small pieces for a trickle, so that something arrives all the time."""
    size = max(1, int((slow.rate or CHUNK) / 10)) if slow else CHUNK
    for start in range(0, len(data), size):
        yield data[start : start + size]
