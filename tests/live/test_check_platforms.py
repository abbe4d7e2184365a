"""`fastbuild check` for several platforms: a contract is kept where all of them keep it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import fastbuild, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

DOCKERFILE = """\
FROM --platform=$BUILDPLATFORM busybox AS tools
COPY pip.txt /
ARG TARGETARCH
RUN echo "pip for $TARGETARCH"
FROM busybox AS for-amd64
COPY pip.txt /
FROM busybox AS for-arm64
COPY . /
FROM for-$TARGETARCH
ARG COMMIT
RUN echo install
COPY --link app.txt /
COPY --from=tools /pip.txt /made
RUN echo $COMMIT
"""
PROMISES = """
[[contract]]
name = "code"
change = "app.txt"
must_not_rerun = "echo install"

[[contract]]
name = "packages"
change = "pip.txt"
must_not_rerun = "install"

[[contract]]
name = "one platform's step"
change = "app.txt"
must_not_rerun = "pip for arm64"

[[contract]]
name = "gone"
change = "app.txt"
must_not_rerun = "pip for s390x"

[[contract]]
name = "commit"
change_args = ["COMMIT"]
must_not_rerun = ["echo install", "COPY --from"]
"""


def checked(runner: Runner, context: Path, *args: str) -> dict[str, Any]:
    platform = ("--platform", "linux/amd64,linux/arm64")
    done = fastbuild(
        runner, "check", "--engine", "private", *platform, "--format", "json", *args, ".", cwd=context
    )
    assert done.returncode in (0, 1), done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def made(folder: Path) -> Path:
    context = project(folder, DOCKERFILE, app_txt="one\n", pip_txt="idna\n")
    (context / "fastbuild.toml").write_text(PROMISES)
    (context / ".dockerignore").write_text("fastbuild.toml\n")
    return context


def test_a_contract_holds_for_every_platform(runner: Runner, tmp_path: Path) -> None:
    found = checked(runner, made(tmp_path / "app"))
    said = {
        each["name"]: (each["status"], [f["message"] for f in each["findings"]]) for each in found["promises"]
    }
    status, (message,) = said["code"]
    assert status == "broken"
    assert message.startswith(
        'linux/arm64: contract "code" is broken: changing app.txt runs `RUN echo install`'
    )
    assert "`COPY . /` (line 8)" in message
    status, messages = said["packages"]
    assert status == "broken"
    assert sorted(message.partition(" ")[0] for message in messages) == ["linux/amd64:", "linux/arm64:"]
    assert said["one platform's step"] == ("kept", [])
    assert said["gone"][0] == "obsolete"
    status, (message,) = said["commit"]
    assert status == "broken"
    assert message.startswith('contract "commit" is broken'), (
        "all platforms have it: said once, without names"
    )
    assert found["notes"] == []


def test_the_engine_agrees_on_every_platform(runner: Runner, tmp_path: Path) -> None:
    found = checked(runner, made(tmp_path / "app"), "--real")
    tried = {(each["contract"], each["change"]): each for each in found["real"]}
    assert found["others"] == []
    for each in tried.values():
        assert each["agree"] + each["open"] == each["steps"] >= 8
    assert tried["packages", "changing pip.txt"]["ran"]
