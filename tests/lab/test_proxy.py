"""The proxy is what fault and speed tests stand on, so it is tested against a plain server."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests

from tests.lab.faults import Delay, Drop, Respond, Rule, Stall, Trickle, Truncate, on
from tests.lab.proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]
BODY = bytes(range(256)) * 400


class Echo(BaseHTTPRequestHandler):
    """GET gives BODY (in chunks below /chunked), PUT gives back what came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        else:
            self._answer(BODY)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()

    def do_PUT(self) -> None:
        received = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self._answer(received)

    def _answer(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxy(origin: str) -> Iterator[FaultProxy]:
    with FaultProxy(origin) as running:
        yield running


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_kept_alive_connection_carries_every_kind_of_message(
    proxy: FaultProxy, client: requests.Session
) -> None:
    assert client.get(f"{proxy.endpoint}/a").content == BODY
    assert client.head(f"{proxy.endpoint}/a").headers["Content-Length"] == str(len(BODY))
    assert client.put(f"{proxy.endpoint}/b", data=b"x" * 700_000).content == b"x" * 700_000
    assert client.get(f"{proxy.endpoint}/chunked").content == BODY
    assert client.get(f"{proxy.endpoint}/a").content == BODY
    assert proxy.traffic.connections == 1
    assert [e.method for e in proxy.exchanges] == ["GET", "HEAD", "PUT", "GET", "GET"]


def test_bytes_are_counted_each_way(proxy: FaultProxy, client: requests.Session) -> None:
    client.get(f"{proxy.endpoint}/a")
    before = proxy.traffic
    client.put(f"{proxy.endpoint}/b", data=b"x" * 5000)
    moved = proxy.traffic - before
    assert 5000 < moved.up < 6000
    assert 5000 < moved.down < 6000
    assert moved.requests == 1


def test_rule_applies_to_its_request_alone(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.rules = [Rule(on("GET", "/blobs/"), Respond(403, b"no"))]
    assert client.get(f"{proxy.endpoint}/manifests/a").status_code == 200
    refused = client.get(f"{proxy.endpoint}/blobs/a")
    assert (refused.status_code, refused.content) == (403, b"no")
    assert client.head(f"{proxy.endpoint}/blobs/a").status_code == 200
    assert [e.fault for e in proxy.exchanges] == ["", "Respond", ""]


def test_rule_counts_its_turns(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.rules = [Rule(on("PUT"), Respond(503), times=2, skip=1)]
    codes = [client.put(f"{proxy.endpoint}/x", data=b"12").status_code for _ in range(5)]
    assert codes == [201, 503, 503, 201, 201]


@pytest.mark.parametrize("path", ["/plain", "/chunked"])
def test_truncated_body_ends_early(proxy: FaultProxy, client: requests.Session, path: str) -> None:
    proxy.rules = [Rule(on(), Truncate(), times=1)]
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _ = client.get(proxy.endpoint + path).content
    assert 0 < proxy.exchanges[0].down < len(BODY)
    assert client.get(proxy.endpoint + path).content == BODY


def test_drop_is_a_connection_error(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.rules = [Rule(on(), Drop())]
    with pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.endpoint}/a")


def test_refused_block_closes_the_port(proxy: FaultProxy, client: requests.Session) -> None:
    client.get(f"{proxy.endpoint}/a")
    with proxy.refused(), pytest.raises(requests.ConnectionError):
        client.get(f"{proxy.endpoint}/a")
    assert client.get(f"{proxy.endpoint}/a").content == BODY


def test_stall_says_nothing_until_the_client_gives_up(proxy: FaultProxy, client: requests.Session) -> None:
    proxy.rules = [Rule(on(), Stall(30))]
    with pytest.raises(requests.ReadTimeout):
        client.get(f"{proxy.endpoint}/a", timeout=0.3)


@pytest.mark.parametrize(("fault", "seconds"), [(Trickle(200_000), 0.5), (Delay(0.5), 0.5), (Delay(0), 0)])
def test_slow_faults_take_their_time(
    proxy: FaultProxy, client: requests.Session, fault: Trickle | Delay, seconds: float
) -> None:
    proxy.rules = [Rule(on(), fault)]
    start = time.monotonic()
    assert client.get(f"{proxy.endpoint}/a").content == BODY
    assert seconds * 0.9 <= time.monotonic() - start < seconds + 0.4


def test_rate_is_shared_by_all_connections(origin: str, client: requests.Session) -> None:
    with FaultProxy(origin, bytes_per_second=500_000) as proxy:
        start = time.monotonic()
        threads = [threading.Thread(target=requests.get, args=(f"{proxy.endpoint}/a",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = proxy.traffic.down / 500_000
        assert proxy.traffic.connections == 4
        assert expected * 0.9 <= time.monotonic() - start < expected + 0.5


def test_latency_is_paid_by_connection_and_request(origin: str, client: requests.Session) -> None:
    with FaultProxy(origin, latency=0.1) as proxy:
        start = time.monotonic()
        for _ in range(3):
            client.head(f"{proxy.endpoint}/a")
        assert 0.4 <= time.monotonic() - start < 0.8
