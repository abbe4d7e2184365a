from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import boto3  # noqa: F401 - imported while sockets are still classes: its import subclasses one
import pytest

from fastbuild.cache.credentials import Credentials, resolve, split_credentials
from fastbuild.errors import UsageError
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No AWS settings of this machine, and no network for the instance role."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", *KEYS):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def test_static_keys_need_no_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    found = resolve(KEYS | {"AWS_SESSION_TOKEN": "token"})
    assert found is not None
    assert dict(found.environ()) == KEYS | {"AWS_SESSION_TOKEN": "token"}


def test_secrets_are_never_shown() -> None:
    found = resolve(KEYS | {"AWS_SESSION_TOKEN": "mytoken"})
    for text in (repr(found), str(found), f"{found}", repr([found])):
        assert "hunter2" not in text
        assert "mytoken" not in text
        assert "AKIAEXAMPLE" not in text
    assert str(found) == "AKIA… from the environment"


def test_nothing_found() -> None:
    assert resolve({}) is None


def test_profile(bare: Path) -> None:
    (bare / "AWS_SHARED_CREDENTIALS_FILE").write_text(
        "[ci]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n"
    )
    found = resolve(KEYS, profile="ci")
    assert found is not None
    assert found.access_key_id == "AKIAPROFILE"
    assert found.session_token == ""
    assert "AWS_SESSION_TOKEN" not in dict(found.environ())


def test_unknown_profile() -> None:
    with pytest.raises(UsageError, match="nobody"):
        resolve({}, profile="nobody")


def test_split() -> None:
    spec = CacheSpec.parse("type=s3,bucket=b,access_key_id=AKIA,secret_access_key=s,session_token=t,region=r")
    bare, credentials = split_credentials(spec)
    assert str(bare) == "type=s3,bucket=b,region=r"
    assert credentials == Credentials(
        access_key_id="AKIA", secret_access_key="s", session_token="t", source="the command line"
    )


@pytest.mark.parametrize("text", ["type=s3,bucket=b", "type=registry,ref=r", "type=gha,scope=s"])
def test_split_of_what_has_none(text: str) -> None:
    spec = CacheSpec.parse(text)
    assert split_credentials(spec) == (spec, None)


@pytest.mark.parametrize("half", ["access_key_id=a", "secret_access_key=s"])
def test_split_refuses_half_a_pair(half: str) -> None:
    with pytest.raises(UsageError, match="go together"):
        split_credentials(CacheSpec.parse(f"type=s3,bucket=b,{half}"))
