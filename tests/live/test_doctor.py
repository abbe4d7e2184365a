"""doctor tries each thing for real and says what mends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import fastbuild

if TYPE_CHECKING:
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live


def findings(runner: Runner, *args: str, **env: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = fastbuild(runner, "doctor", "--format", "json", *args, **env)
    return done.returncode, {f["what"]: f for f in json.loads(done.stdout)["findings"]}


def test_a_working_set_up_is_ok(lab: Lab, warm: Runner) -> None:
    cache = f"s3://{lab.s3.bucket}/doctor?endpoint_url={lab.s3.endpoint}"
    code, found = findings(warm, "--cache", cache)
    assert code == 0, found
    assert found["engine private"]["level"] == "ok"
    assert "built one file" in found["engine private"]["text"]
    assert found[f"cache {cache}"]["level"] == "ok"
    assert found["engine buildctl"]["text"] == "BUILDKIT_HOST is not set"


@pytest.mark.parametrize(
    ("env", "cache", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3://{bucket}/x?endpoint_url={endpoint}", "secret"),
        ({}, "s3://no-such-bucket/x?endpoint_url={endpoint}", "bucket"),
        ({}, "s3://{bucket}/x?endpoint_url=http://127.0.0.1:1", "127.0.0.1:1"),
        ({}, "registry://127.0.0.1:1/cache", "127.0.0.1:1"),
    ],
)
def test_what_is_wrong_with_a_cache_is_said(
    lab: Lab, warm: Runner, env: dict[str, str], cache: str, said: str
) -> None:
    value = cache.format(bucket=lab.s3.bucket, endpoint=lab.s3.endpoint)
    code, found = findings(warm, "--cache", value, **env)
    assert code == 1, found
    failed = [f for f in found.values() if f["level"] == "fail"]
    assert len(failed) == 1
    assert said in json.dumps(failed)


def test_an_engine_that_does_not_answer_fails(warm: Runner) -> None:
    code, found = findings(warm, BUILDKIT_HOST="tcp://127.0.0.1:1")
    assert code == 1
    assert found["engine buildctl"]["level"] == "fail"
    assert found["engine private"]["text"].startswith("available, not used")


def test_without_any_engine_the_command_that_mends_it_is_named(runner: Runner) -> None:
    code, found = findings(runner, PATH="/nonexistent", XDG_DATA_HOME=str(runner.home))
    assert code == 1
    assert "fastbuild engine install" in json.dumps(found["engine"])
