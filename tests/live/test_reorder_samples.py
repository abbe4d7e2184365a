"""Every sample application, reordered: what is proposed, and that it is proved, written and worth it.

A proof builds a sample three times without a cache, some for minutes: those of `QUICK` are always proved,
all of them where `FASTBUILD_ALL_SAMPLES` is set. What is saved is measured by `benchmarks.reorder`.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.languages import add_languages, families_of
from tests.live.builds import build, command, fastbuild
from tests.samples import SAMPLES, change, lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.samples import Sample

# The first run on a machine makes the base images.
pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

COMMITS = 30
QUICK = ("uv-worker", "apt-handbook", "flask-shop", "vite-board")
PROVED = [each for each in SAMPLES if each.name in QUICK or os.environ.get("FASTBUILD_ALL_SAMPLES")]


@pytest.fixture
def private(lab: Lab) -> Iterator[Runner]:
    """A machine that builds on its private engine, and keeps no image elsewhere."""
    with lab.runner(FASTBUILD_ENGINE="private", DOCKER_HOST="unix:///nonexistent.sock") as fresh:
        yield fresh


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_better_order_is_found_for_the_bad_one(warm: Runner, tmp_path: Path, sample: Sample) -> None:
    context = lay_out(sample, "bad", tmp_path / "app", commits=COMMITS)
    found = proposal(warm, context)
    after = found["seconds_per_commit"]["after"]
    if found["with_proof"]:
        after = found["with_proof"]["seconds_per_commit"]
    assert after < found["seconds_per_commit"]["now"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_nothing_is_proposed_for_the_order_of_an_expert(warm: Runner, tmp_path: Path, sample: Sample) -> None:
    context = lay_out(sample, "good", tmp_path / "app", commits=COMMITS)
    assert nothing(proposal(warm, context))


@pytest.mark.parametrize("sample", PROVED, ids=lambda sample: sample.name)
def test_the_proved_order_is_written_and_keeps_its_packages_after_a_code_change(
    lab: Lab, private: Runner, tmp_path: Path, sample: Sample
) -> None:
    families = families_of((sample.folder / "Dockerfile.bad").read_text())
    add_languages(lab.registry_server, lab.tools, families)
    context = lay_out(sample, "bad", tmp_path / "app", commits=COMMITS)
    report = tmp_path / "report.json"
    ours = ("reorder", "--prove", "--write", "--progress=plain", "--format=json", f"--report={report}")
    done = subprocess.run(command(*ours, str(context)), env=private.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(report.read_text())
    assert found["proof"]["verdict"] == "equivalent"
    assert found["seconds_per_commit"]["after"] < found["seconds_per_commit"]["now"]
    assert (context / "Dockerfile").read_text() == found["dockerfile"]
    assert nothing(proposal(private, context))
    assert build(private, context).code == 0
    change(sample, context)
    again = build(private, context)
    assert again.code == 0, again.err
    packages = {text: status for text, status in again.steps().items() if text.startswith(sample.reinstalls)}
    assert packages
    assert "ran" not in packages.values()


def proposal(runner: Runner, context: Path) -> dict[str, Any]:
    """The report of `fastbuild reorder`, which builds nothing."""
    done = fastbuild(runner, "reorder", "--format=json", str(context))
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def nothing(found: dict[str, Any]) -> bool:
    """Whether neither a safe order nor one that needs a proof is better."""
    return not found["changes"] and not found["with_proof"] and not found["diff"]
