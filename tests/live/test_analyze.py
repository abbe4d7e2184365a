"""`fastbuild analyze` as a user runs it, with BuildKit's own checks and recorded builds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builders import remote_builder
from tests.live.builds import build, fastbuild, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

WARNED = """\
from busybox AS Made
# WARNING: Fake - https://example.com/
MAINTAINER nobody
# fastbuild ignore=JSONArgsRecommended reason="wanted"
CMD echo $HOME
COPY ignored.txt /
"""
EXPECTED = {("ConsistentInstructionCasing", 1), ("FromAsCasing", 1), ("StageNameCasing", 1)}
EXPECTED |= {("MaintainerDeprecated", 3), ("CopyIgnoredFile", 6)}


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    return project(tmp_path / "warned", WARNED, ignored_txt="x", **{".dockerignore": "ignored.txt\n"})


def _theirs(out: bytes) -> set[tuple[str, int]]:
    found: list[dict[str, Any]] = json.loads(out)["files"][0]["findings"]
    assert all(
        f["url"].startswith("https://docs.docker.com/") for f in found if not f["code"].startswith("FB")
    )
    return {(f["code"], f["start"]) for f in found if not f["code"].startswith("FB")}


def test_an_engine_that_is_there_adds_its_checks(warm: Runner, daemon: Buildkitd, warned: Path) -> None:
    done = fastbuild(warm, "analyze", str(warned), "--format", "json", BUILDKIT_HOST=daemon.address)
    assert _theirs(done.stdout) == EXPECTED
    assert (done.returncode, done.stderr) == (1, b"")
    off = fastbuild(
        warm, "analyze", str(warned), "--format=json", "--check=off", BUILDKIT_HOST=daemon.address
    )
    assert _theirs(off.stdout) == set()


def test_buildx_says_the_same(warm: Runner, daemon: Buildkitd, warned: Path) -> None:
    env = {"BUILDX_BUILDER": remote_builder(warm, daemon.address), "FASTBUILD_ENGINE": "buildx"}
    done = fastbuild(warm, "analyze", str(warned), "--format", "json", "--check", "engine", **env)
    assert (_theirs(done.stdout), done.stderr) == (EXPECTED, b"")


def test_no_engine_is_started_unasked(runner: Runner, warned: Path) -> None:
    done = fastbuild(runner, "analyze", str(warned), "--format", "json")
    assert (_theirs(done.stdout), done.stderr) == (set(), b"")
    status = json.loads(fastbuild(runner, "engine", "status", "--format", "json").stdout)
    assert status["running"] is False
    asked = fastbuild(runner, "analyze", str(warned), "--format", "json", "--check", "engine")
    assert _theirs(asked.stdout) == EXPECTED
    again = fastbuild(runner, "analyze", str(warned), "--format", "json")
    assert _theirs(again.stdout) == EXPECTED, "it runs now"


def test_an_engine_that_does_not_answer_stops_nothing(warm: Runner, warned: Path) -> None:
    host = "unix:///nowhere/buildkitd.sock"
    done = fastbuild(warm, "analyze", str(warned), "--format", "json", BUILDKIT_HOST=host)
    assert (done.returncode, _theirs(done.stdout)) == (1, set())
    assert b"BuildKit's own checks were left out" in done.stderr
    insisted = fastbuild(warm, "analyze", str(warned), "--check", "engine", BUILDKIT_HOST=host)
    assert insisted.returncode == 3


def test_the_checks_see_the_ignore_file_beside_the_dockerfile(
    warm: Runner, daemon: Buildkitd, warned: Path
) -> None:
    (warned / "Dockerfile.dockerignore").write_text("other.txt\n")
    done = fastbuild(warm, "analyze", str(warned), "--format", "json", BUILDKIT_HOST=daemon.address)
    assert _theirs(done.stdout) == EXPECTED - {("CopyIgnoredFile", 6)}


def test_a_bake_file_in_hcl_is_read_by_docker(warm: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM busybox\nMAINTAINER nobody\n")
    (context / "docker-bake.hcl").write_text('variable "D" { default = "." }\ntarget "a" { context = D }\n')
    done = fastbuild(warm, "analyze", "docker-bake.hcl", "--format", "json", cwd=context)
    assert [file["path"] for file in json.loads(done.stdout)["files"]] == ["Dockerfile"]
    (context / "docker-bake.hcl").write_text('target "a" {')
    broken = fastbuild(warm, "analyze", "docker-bake.hcl", cwd=context)
    assert (broken.returncode, b"docker buildx bake can't read it" in broken.stderr) == (2, True)
    absent = fastbuild(warm, "analyze", "docker-bake.hcl", cwd=context, PATH="/nowhere")
    assert (absent.returncode, b"only docker buildx" in absent.stderr) == (2, True)


def test_a_build_makes_costs_measured(runner: Runner, tmp_path: Path) -> None:
    text = "FROM debian:bookworm-slim\nCOPY . /app\nRUN sleep 1; apt-get install -y curl; true\n"
    context = project(tmp_path / "app", text, app_py="print()")
    before = fastbuild(runner, "analyze", str(context), "--format", "json", "--check", "off")
    assert b'"measured": true' not in before.stdout
    assert build(runner, context).code == 0
    after = fastbuild(runner, "analyze", str(context), "--format", "json", "--check", "off")
    findings = json.loads(after.stdout)["files"][0]["findings"]
    costs = [f["cost"] for f in findings if f["cost"] and f["cost"]["measured"]]
    assert costs, findings
    assert any(1.0 <= cost["seconds"] < 30 for cost in costs if cost["seconds"])
