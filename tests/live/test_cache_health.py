from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.cache.api import Health, ReadOnly, Unusable, Usable
from fastbuild.cache.credentials import Credentials
from fastbuild.cache.health import check
from fastbuild.request import CacheSpec
from tests.lab.faults import Respond, Rule, Stall, on
from tests.lab.proxy import FaultProxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

DENIED = Respond(
    403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


def identity(lab: Lab) -> Credentials:
    return Credentials(access_key_id=lab.s3.access_key, secret_access_key=lab.s3.secret_key, source="the lab")


def spec(lab: Lab, **changes: str) -> CacheSpec:
    options = {
        "bucket": lab.s3.bucket,
        "region": "us-east-1",
        "prefix": "probe/",
        "endpoint_url": lab.s3.endpoint,
        "use_path_style": "true",
    } | changes
    return CacheSpec("s3", tuple(options.items()))


def through(lab: Lab, *rules: Rule) -> Health:
    with FaultProxy(lab.s3.endpoint.removeprefix("http://"), rules=rules) as proxy:
        return check(spec(lab, endpoint_url=proxy.endpoint), identity(lab), timeout=2)


def reason(health: Health) -> str:
    assert not isinstance(health, Usable)
    return health.reason


def test_usable_and_nothing_is_left(lab: Lab) -> None:
    assert check(spec(lab), identity(lab)) == Usable()
    listed = lab.s3.client().list_objects_v2(Bucket=lab.s3.bucket, Prefix="probe/")
    assert listed.get("KeyCount", 0) == 0


def test_wrong_secret(lab: Lab) -> None:
    found = check(spec(lab), replace(identity(lab), secret_access_key="wrong"))
    assert isinstance(found, Unusable)
    assert "AWS_SECRET_ACCESS_KEY" in found.reason


def test_unknown_key(lab: Lab) -> None:
    found = check(spec(lab), replace(identity(lab), access_key_id="NOBODY"))
    assert isinstance(found, Unusable)
    assert "AWS_ACCESS_KEY_ID" in found.reason


def test_no_bucket(lab: Lab) -> None:
    found = check(spec(lab, bucket="not-there"), identity(lab))
    assert isinstance(found, Unusable)
    assert "aws s3 mb s3://not-there" in found.reason


def test_no_server() -> None:
    options = (("bucket", "bkt"), ("region", "r"), ("endpoint_url", "http://127.0.0.1:1"))
    keys = Credentials(access_key_id="a", secret_access_key="b", source="a test")
    found = check(CacheSpec("s3", options), keys)
    assert isinstance(found, Unusable)
    assert "http://127.0.0.1:1" in found.reason


def test_no_credentials(lab: Lab) -> None:
    assert "AWS_PROFILE" in reason(check(spec(lab), None))


def test_silent_server_costs_one_timeout(lab: Lab) -> None:
    start = time.monotonic()
    assert isinstance(through(lab, Rule(on(), Stall(8.0))), Unusable)
    assert time.monotonic() - start < 6


def test_writing_denied(lab: Lab) -> None:
    found = through(lab, Rule(on("PUT"), DENIED))
    assert isinstance(found, ReadOnly)
    assert "s3:PutObject" in found.reason


def test_everything_denied(lab: Lab) -> None:
    found = through(lab, Rule(on(), DENIED))
    assert isinstance(found, Unusable)
    assert "s3:GetObject" in found.reason


def test_absent_objects_reported_as_forbidden(lab: Lab) -> None:
    found = through(lab, Rule(on("HEAD", "-absent"), Respond(403)))
    assert isinstance(found, ReadOnly)
    assert "s3:ListBucket" in found.reason


def test_reading_denied(lab: Lab) -> None:
    assert "s3:GetObject" in reason(through(lab, Rule(on("GET"), DENIED)))


def test_deleting_denied_is_only_a_note(lab: Lab) -> None:
    found = through(lab, Rule(on("DELETE"), DENIED))
    assert isinstance(found, Usable)
    assert "s3:DeleteObject" in found.note


def test_server_error(lab: Lab) -> None:
    assert isinstance(through(lab, Rule(on("PUT"), Respond(500))), Unusable)


def registry(address: str) -> CacheSpec:
    return CacheSpec("registry", (("ref", f"{address}/acme/cache:main"),))


@pytest.fixture
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.usefixtures("no_login")
def test_registry(lab: Lab) -> None:
    assert check(registry(lab.registry), None) == Usable()


@pytest.mark.usefixtures("no_login")
def test_registry_that_refuses_uploads(lab: Lab) -> None:
    with FaultProxy(lab.registry, rules=[Rule(on("POST"), Respond(403))]) as proxy:
        found = check(registry(proxy.address), None)
    assert isinstance(found, ReadOnly)
    assert "docker login" in found.reason


@pytest.mark.usefixtures("no_login")
def test_no_registry(lab: Lab) -> None:
    assert "can't be reached" in reason(check(registry("127.0.0.1:1"), None))
    address = lab.s3.endpoint.removeprefix("http://")
    assert "not a container registry" in reason(check(registry(address), None))
