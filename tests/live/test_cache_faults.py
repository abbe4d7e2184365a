"""A cache problem never fails a build: the right image, exit 0, and a line that says what happened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.lab.faults import Drop, Respond, Rule, Stall, Trickle, Truncate, on
from tests.lab.proxy import FaultProxy
from tests.live.builds import build, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.faults import Fault
    from tests.lab.lab import Lab
    from tests.lab.services import S3Account
    from tests.live.builds import Built

pytestmark = pytest.mark.live

APP = """\
FROM busybox:latest
RUN dd if=/dev/urandom of=/big bs=1M count=4 2>/dev/null
COPY app.txt /app.txt
RUN cat /app.txt > /built.txt
"""


@dataclass(frozen=True)
class Cached:
    """A bucket that holds the cache of a first build of `context`."""

    account: S3Account
    context: Path
    cache: str


def url(account: S3Account, endpoint: str = "", bucket: str = "") -> str:
    return f"s3://{bucket or account.bucket}/ci?endpoint_url={endpoint or account.endpoint}&region=us-east-1"


def rebuild(lab: Lab, cached: Cached, tmp_path: Path, *args: str, cache: str, **env: str) -> Built:
    """The next commit on a fresh runner; checks what was built."""
    context = project(tmp_path / "app", APP, app_txt=f"changed by {tmp_path.name}\n")
    with lab.runner(**env) as fresh:
        done = build(fresh, context, "--cache", cache, "--name", "app", *args, "-o", str(tmp_path / "out"))
    if done.code == 0:
        assert (tmp_path / "out" / "built.txt").read_text() == f"changed by {tmp_path.name}\n"
        assert (tmp_path / "out" / "big").stat().st_size == 4 << 20
    return done


@pytest.fixture(scope="module")
def named(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Cached:
    """The cache of a first build, under the name that `rebuild` gives."""
    account = lab.s3_server.account.new_bucket("faults")
    context = project(tmp_path_factory.mktemp("app") / "app", APP, app_txt="one\n")
    with lab.runner() as first:
        done = build(first, context, "--cache", url(account), "--name", "app")
        assert done.code == 0, done.err
    return Cached(account, context, url(account))


def cache_notes(done: Built) -> list[str]:
    return [note for note in done.notes() if note.startswith("cache:")]


def test_without_a_fault_the_cache_is_used_in_silence(lab: Lab, named: Cached, tmp_path: Path) -> None:
    done = rebuild(lab, named, tmp_path, cache=named.cache)
    assert done.code == 0, done.err
    assert cache_notes(done) == []
    assert done.steps()["RUN dd if=/dev/urandom of=/big bs=1M count=4 2>/dev/null"] == "hit_remote"


READ = {
    "manifest forbidden": Rule(on("GET", "/manifests/"), Respond(403)),
    "manifest server error": Rule(on("GET", "/manifests/"), Respond(500)),
    "manifest cut off": Rule(on("GET", "/manifests/"), Truncate(0.5)),
    "manifest connection dropped": Rule(on("GET", "/manifests/"), Drop()),
    "blob forbidden": Rule(on("GET", "/blobs/"), Respond(403)),
    "blob missing": Rule(on("GET", "/blobs/"), Respond(404)),
    "blob server error": Rule(on("GET", "/blobs/"), Respond(500)),
    "blob truncated": Rule(on("GET", "/blobs/"), Truncate(0.5)),
    "blob connection dropped": Rule(on("GET", "/blobs/"), Drop()),
    "manifest never arrives": Rule(on("GET", "/manifests/"), Stall(40)),
    "blob never arrives": Rule(on("GET", "/blobs/"), Stall(40)),
    "blob trickles": Rule(on("GET", "/blobs/"), Trickle(2000)),
}


@pytest.mark.parametrize("fault", READ)
def test_a_cache_that_fails_to_be_read(lab: Lab, named: Cached, tmp_path: Path, fault: str) -> None:
    rule = READ[fault]
    with FaultProxy(named.account.endpoint, rules=[Rule(rule.matches, rule.fault)]) as proxy:
        done = rebuild(lab, named, tmp_path, "--cache-timeout", "3", cache=url(named.account, proxy.endpoint))
    assert done.code == 0, done.err
    notes = cache_notes(done)
    assert notes, done.err
    assert "reading it" in notes[0] or "without reading" in notes[0], notes
    if isinstance(rule.fault, Stall):
        assert done.record is not None
        assert done.record["seconds"] < rule.fault.seconds, "it waited for the server"
    assert notes[0] in done.err.replace("\n", " ") or notes[0][:60] in done.err


WRITE: dict[str, Fault] = {
    "forbidden": Respond(403),
    "server error": Respond(500),
    "connection dropped": Drop(),
    "never answered": Stall(40),
}


@pytest.mark.parametrize("fault", WRITE)
def test_a_cache_that_fails_to_be_written(lab: Lab, named: Cached, tmp_path: Path, fault: str) -> None:
    with FaultProxy(named.account.endpoint, rules=[Rule(on("PUT"), WRITE[fault])]) as proxy:
        done = rebuild(lab, named, tmp_path, "--cache-timeout", "3", cache=url(named.account, proxy.endpoint))
    assert done.code == 0, done.err
    assert any("writing it" in note for note in cache_notes(done)), done.notes()


def unusable(kind: str, account: S3Account, stack: ExitStack) -> tuple[str, dict[str, str]]:
    """A cache URL and environment that can't work."""
    if kind == "dead endpoint":
        proxy = stack.enter_context(FaultProxy(account.endpoint))
        stack.enter_context(proxy.refused())
        return url(account, proxy.endpoint), {}
    if kind == "wrong secret":
        return url(account), {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    return url(account, bucket="no-such-bucket"), {}


@pytest.mark.parametrize("kind", ["dead endpoint", "wrong secret", "no bucket"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_cache_that_does_not_exist(
    lab: Lab, named: Cached, tmp_path: Path, kind: str, strict: bool
) -> None:
    with ExitStack() as stack:
        cache, env = unusable(kind, named.account, stack)
        args = ("--cache-strict",) if strict else ()
        done = rebuild(lab, named, tmp_path, *args, cache=cache, **env)
    assert done.code == (1 if strict else 0), done.err
    assert cache_notes(done) or strict
    if strict:
        assert "error:" in done.err


def test_strict_mode_does_not_rebuild_without_a_missing_blob(lab: Lab, named: Cached, tmp_path: Path) -> None:
    with FaultProxy(named.account.endpoint, rules=[Rule(on("GET", "/blobs/"), Respond(404))]) as proxy:
        done = rebuild(lab, named, tmp_path, "--cache-strict", cache=url(named.account, proxy.endpoint))
    assert done.code == 1
