"""Registries that ask who is there: tokens, passwords, helpers; and those that send a client elsewhere."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fastbuild.cache.objects import CacheReadError, Objects, Unreadable, objects_for
from fastbuild.cache.objects_oci import digest_of
from fastbuild.request import CacheSpec
from tests.lab.processes import Server, free_port, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

USER, PASSWORD = "ci", "secret-pw"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuutaz/SHXsrvqy/ChnunBIcMuq4PCR.gG\n"
CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {http}
auth: {auth}
"""


@dataclass
class Web:
    """A small server of the test: what it answers, by path, and what it was asked."""

    address: str
    realm: str = ""  # what is asked of those who don't say who they are
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)  # method, path, authorization, body

    @property
    def authorizations(self) -> list[str]:
        return [authorization for _, _, authorization, _ in self.asked]


@contextlib.contextmanager
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            state.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
            found = state.answers.get(urlsplit(self.path).path, (404, {}, b""))
            stranger = state.realm and not self.headers.get("Authorization")
            status, headers, data = (401, {"WWW-Authenticate": state.realm}, b"") if stranger else found
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Web(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def registry(lab: Lab, folder: Path, auth: dict[str, Any], **tls: str) -> Iterator[str]:
    """distribution with `auth`, and with TLS if `tls` has a certificate and key; gives its address."""
    address = f"127.0.0.1:{free_port()}"
    config = folder / "registry.yml"
    http = json.dumps({"addr": address, **({"tls": tls} if tls else {})})
    config.write_text(CONFIG.format(folder=folder / "storage", http=http, auth=json.dumps(auth)))
    environ = {"PATH": os.defpath, "OTEL_TRACES_EXPORTER": "none"}
    server = Server([lab.tools.registry, "serve", config], env=environ, log=folder / "registry.log")
    try:
        server.wait_for(address)
        yield address
    finally:
        server.stop()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration directory, empty."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def log_in(docker: Path, address: str, password: str = PASSWORD) -> None:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {address: {"auth": auth}}}))


def objects(address: str, **options: str) -> Objects:
    spec = CacheSpec("registry", (("ref", f"{address}/acme/cache:main"), *options.items()))
    found = objects_for(spec, None, {})
    assert not isinstance(found, Unreadable)
    return found


def sentence(address: str) -> str:
    told = []
    made = objects(address)
    for call in (made.read_manifest, made.read_side, lambda: made.write_side(b"x", "sha256:x")):
        with pytest.raises(CacheReadError) as caught:
            call()
        told.append(caught.value.sentence)
        assert PASSWORD not in told[-1]
    return " | ".join(told)


def test_a_password_is_given_when_asked_for(lab: Lab, tmp_path: Path, docker: Path) -> None:
    users = tmp_path / "htpasswd"
    users.write_text(HTPASSWD)
    with registry(lab, tmp_path, {"htpasswd": {"realm": "lab", "path": str(users)}}) as address:
        assert sentence(address).count(f"docker login {address}") == 3
        log_in(docker, address, "wrong")
        assert sentence(address).count("give the login") == 3
        log_in(docker, address)
        made = objects(address)
        assert made.read_manifest() is None
        assert made.read_side() is None
        made.write_side(b"side", "sha256:x")
        assert made.read_side() == b"side"


def test_a_token_is_fetched_with_the_least_rights(lab: Lab, tmp_path: Path, docker: Path) -> None:
    with web() as tokens:
        realm = {"realm": f"http://{tokens.address}/token", "service": "the lab's"}
        with registry(lab, tmp_path, {"silly": realm}) as address:
            assert "answers 404" in sentence(address)
            tokens.answers["/token"] = (200, {}, b'{"token": "abc"}')
            objects(address).write_side(b"side", "sha256:x")
            assert set(tokens.authorizations) == {""}
            log_in(docker, address)
            tokens.asked.clear()
            assert objects(address).read_side() == b"side"
    ((_, path, authorization, _),) = tokens.asked
    assert parse_qs(urlsplit(path).query) == {
        "service": ["the lab's"],
        "scope": ["repository:acme/cache:pull"],
    }
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{USER}:{PASSWORD}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"token": 5}',
        b'{"token": ""}',
        b'{"token": "a\\r\\nX-Evil: 1"}',
        b'{"token": "\\u00e4"}',
        b'"' + b"x" * 2**21,
    ],
    ids=["empty", "list", "nested", "number", "blank", "lines", "foreign", "long"],
)
def test_a_broken_token_is_a_sentence(lab: Lab, tmp_path: Path, docker: Path, answer: bytes) -> None:
    with web() as tokens:
        tokens.answers["/token"] = (200, {}, answer)
        realm = {"realm": f"http://{tokens.address}/token", "service": "s"}
        with registry(lab, tmp_path, {"silly": realm}) as address:
            assert sentence(address)


def test_a_helper_s_identity_token_is_exchanged(
    lab: Lab, tmp_path: Path, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-lab"
    helper.write_text('#!/bin/sh\necho \'{"Username": "<token>", "Secret": "refresh-me"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with web() as tokens:
        tokens.answers["/token"] = (200, {}, b'{"access_token": "abc"}')
        realm = {"realm": f"http://{tokens.address}/token", "service": "s"}
        with registry(lab, tmp_path, {"silly": realm}) as address:
            (docker / "config.json").write_text(json.dumps({"credHelpers": {address: "lab"}}))
            objects(address).write_side(b"side", "sha256:x")
    ((method, _, authorization, body),) = tokens.asked
    assert (method, authorization) == ("POST", "")
    form = parse_qs(body)
    assert form["refresh_token"] == ["refresh-me"]
    assert form["scope"] == ["repository:acme/cache:pull,push"]


def test_storage_elsewhere_gets_no_credentials(lab: Lab, docker: Path) -> None:
    """A registry's blobs often lie in S3, under addresses that are signed already."""
    objects(lab.registry).write_side(b"side", "sha256:x")
    manifest, blob = "/v2/acme/cache/manifests/main.fastbuild", f"/v2/acme/cache/blobs/{digest_of(b'side')}"
    with web() as front, web() as storage:
        front.realm = 'Basic realm="x"'
        log_in(docker, front.address)
        for path in (manifest, blob):
            front.answers[path] = (307, {"Location": f"http://{storage.address}{path}"}, b"")
            storage.answers[path] = (307, {"Location": f"http://{lab.registry}{path}"}, b"")
        assert objects(front.address).read_side() == b"side"
    assert [bool(word) for word in front.authorizations] == [False, True, True]
    assert storage.authorizations == ["", ""]


def test_storage_elsewhere_cannot_ask_for_the_login(docker: Path) -> None:
    with web() as front, web() as storage, web() as asking:
        log_in(docker, front.address)
        log_in(docker, storage.address)
        storage.realm = f'Bearer realm="http://{asking.address}/token"'
        path = "/v2/acme/cache/manifests/main"
        front.answers[path] = (307, {"Location": f"http://{storage.address}/there"}, b"")
        with pytest.raises(CacheReadError, match="can't be read"):
            objects(front.address).read_manifest()
        assert storage.authorizations == [""]
        assert asking.asked == []


def test_a_certificate_of_nobody_is_taken_only_when_told_to(lab: Lab, tmp_path: Path, docker: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    made_out = ["-subj", "/CN=nobody", "-days", "2", "-keyout", key, "-out", certificate]
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made_out])
    users = tmp_path / "htpasswd"
    users.write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "lab", "path": str(users)}}
    with registry(lab, tmp_path, auth, certificate=certificate, key=key) as address:
        log_in(docker, address)
        made = objects(address, **{"registry.insecure": "true"})
        made.write_side(b"side", "sha256:x")
        assert made.read_side() == b"side"
        assert "answers 400" in sentence(address)  # as the engine, which asks its own machine without TLS


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/x", "//", "http://[", "/v2/loop"])
def test_redirects_to_nowhere_are_a_sentence(docker: Path, location: str) -> None:
    with web() as front:
        for path in ("/v2/acme/cache/manifests/main", "/v2/loop"):
            front.answers[path] = (302, {"Location": location}, b"")
        with pytest.raises(CacheReadError):
            objects(front.address).read_manifest()
        assert len(front.asked) <= 6


def test_an_upload_is_never_sent_to_another_scheme(docker: Path) -> None:
    with web() as front:
        front.answers["/v2/acme/cache/blobs/uploads/"] = (202, {"Location": "file:///tmp/x"}, b"")
        with pytest.raises(CacheReadError, match="another scheme"):
            objects(front.address).write_side(b"x", "sha256:x")
