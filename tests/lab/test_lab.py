"""The lab itself, for real: what other live tests take for granted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.lab.engine import remove_tree
from tests.lab.faults import Respond, Rule, on
from tests.lab.lab import Lab, lab
from tests.lab.places import LabError
from tests.lab.processes import can_connect
from tests.lab.proxy import FaultProxy
from tests.lab.runner import can_run_containers

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first run on a machine builds the tools.
pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    possible, why = can_run_containers()
    if not possible:
        pytest.skip(f"no containers here: {why}")
    with lab() as started:
        yield started


def dockerfile(folder: Path, text: str) -> Path:
    (folder / "Dockerfile").write_text(text)
    return folder


def test_signed_requests_pass_through_the_proxy(running: Lab) -> None:
    account = running.s3.new_bucket()
    with FaultProxy(account.endpoint) as proxy:
        client = account.through(proxy.endpoint).client()
        client.put_object(Bucket=account.bucket, Key="a b/ü", Body=b"x" * 3_000_000)
        got = client.get_object(Bucket=account.bucket, Key="a b/ü")
        assert got["Body"].read() == b"x" * 3_000_000
        assert proxy.traffic.connections == 1
        proxy.rules = [Rule(on("GET"), Respond(403))]
        with pytest.raises(client.exceptions.ClientError, match="403"):
            client.get_object(Bucket=account.bucket, Key="a b/ü")


@pytest.mark.parametrize("image", ["debian:bookworm-slim", "python:3.11-slim", "busybox"])
def test_base_images_answer_for_docker_io(running: Lab, tmp_path: Path, image: str) -> None:
    with running.buildkitd() as daemon:
        text = daemon.build(dockerfile(tmp_path, f"FROM {image}\nRUN echo made-$((6*7))\n"))
    assert "made-42" in text


def test_a_pushed_image_is_gone_in_the_next_lab(running: Lab, tmp_path: Path) -> None:
    name = f"{running.registry}/test/pushed:1"
    with running.buildkitd() as daemon:
        context = dockerfile(tmp_path, "FROM busybox\nLABEL a=b\n")
        daemon.build(context, "--output", f"type=image,name={name},push=true")
    tags = requests.get(f"http://{running.registry}/v2/test/pushed/tags/list", timeout=10)
    assert tags.json()["tags"] == ["1"]
    with lab() as other:
        assert other.registry != running.registry
        tags = requests.get(f"http://{other.registry}/v2/test/pushed/tags/list", timeout=10)
        assert tags.status_code == 404


def test_a_killed_daemon_keeps_its_cache(running: Lab, tmp_path: Path) -> None:
    context = dockerfile(tmp_path, "FROM busybox\nRUN echo once\n")
    with running.buildkitd() as daemon:
        daemon.build(context)
        daemon.kill()
        daemon.start()
        assert "CACHED" in daemon.build(context)


def test_failed_build_says_why(running: Lab, tmp_path: Path) -> None:
    with running.buildkitd() as daemon, pytest.raises(LabError, match="oh-no"):
        daemon.build(dockerfile(tmp_path, "FROM busybox\nRUN echo oh-no && false\n"))


def test_fresh_runner_knows_nothing_of_this_machine(running: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "1234")
    with running.runner(CI="true") as runner:
        assert "GITHUB_SHA" not in runner.env
        assert runner.env["CI"] == "true"
        assert list(runner.home.iterdir()) == []
        config = Path(runner.env["DOCKER_CONFIG"]) / "config.json"
        (plugins,) = json.loads(config.read_text())["cliPluginsExtraDirs"]
        version = subprocess.run(
            [Path(plugins) / "docker-buildx", "version"], env=runner.env, capture_output=True, text=True
        )
        assert "v0.38.2" in version.stdout
    assert not runner.folder.exists()


def test_nothing_outlives_a_killed_test_process(running: Lab, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "up"],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout
    wanted = "export LAB_REGISTRY="
    address = next(line for line in child.stdout if line.startswith(wanted)).strip().removeprefix(wanted)
    assert can_connect(address)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 10
    while can_connect(address) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not can_connect(address)


def test_a_tree_with_mounts_can_be_removed(tmp_path: Path) -> None:
    inside = tmp_path / "root" / "mounted"
    inside.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "none", inside], capture_output=True)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    remove_tree(tmp_path / "root")
    assert not (tmp_path / "root").exists()
