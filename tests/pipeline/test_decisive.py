"""Which words of a build's command decide its image, and which builds are never skipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastbuild.engines.api import Job
from fastbuild.pipeline.decisive import decisive_words, why_built
from fastbuild.request import BuildRequest, CacheSpec, Output


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "Dockerfile").write_text("FROM busybox\n")
    (tmp_path / "named").mkdir()
    request = BuildRequest(
        context=str(tmp_path), file=str(tmp_path / "Dockerfile"), tags=("r.example/a:1",), push=True
    )
    return Job(request=request, program=("buildctl", "--addr", "unix:///a"), workdir="/w")


def words(job: Job, **changes: Any) -> list[str]:
    return decisive_words(replace(job, request=replace(job.request, **changes)), "v1", {}, "")


DECIDING: dict[str, dict[str, Any]] = {
    "target": {"target": "x"},
    "build argument": {"build_args": (("A", "1"),)},
    "argument without a value": {"build_args": (("A", None),)},
    "label": {"labels": (("a", "b"),)},
    "platform": {"platforms": ("linux/arm64",)},
    "network": {"network": "none"},
    "host": {"add_hosts": (("h", "10.0.0.1"),)},
    "shared memory": {"shm_size": 1},
    "ulimit": {"ulimits": ("nofile=1:2",)},
    "control group": {"cgroup_parent": "x"},
    "resource": {"resources": (("memory", "1"),)},
    "entitlement": {"allow": ("security.insecure",)},
    "annotation": {"annotations": ("a=b",)},
    "attestation": {"attests": ("type=provenance,mode=max",)},
    "no attestation": {"attests": ("type=provenance,disabled=true",)},
    "secret": {"secrets": ("id=a,env=A",)},
    "agent": {"ssh": ("default",)},
    "output": {"outputs": (Output.parse("type=registry,compression=zstd"),)},
    "named context": {"build_contexts": (("a", "docker-image://b"),)},
    "inline cache": {"cache_to": (CacheSpec("inline"),)},
    "no cache": {"no_cache": True},
    "no cache for stages": {"no_cache_filter": ("a",)},
}
NEUTRAL: dict[str, dict[str, Any]] = {
    "tags": {"tags": ("r.example/b:2", "r.example/a:3")},
    "--pull": {"pull": True},
    "caches": {"cache_from": (CacheSpec("s3"),), "cache_to": (CacheSpec("s3", (("mode", "max"),)),)},
    "result files": {"iidfile": "/x", "metadata_file": "/y", "quiet": True},
}


@pytest.mark.parametrize("what", DECIDING)
def test_what_may_change_the_image_counts(job: Job, what: str) -> None:
    assert words(job, **DECIDING[what]) != words(job)


@pytest.mark.parametrize("what", NEUTRAL)
def test_what_does_not_change_the_image_does_not_count(job: Job, what: str) -> None:
    assert words(job, **NEUTRAL[what]) == words(job)


def test_where_things_lie_does_not_count(job: Job, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "named").mkdir(parents=True)
    (elsewhere / "Dockerfile").write_text("FROM busybox\n")
    context = {"context": str(elsewhere), "file": str(elsewhere / "Dockerfile")}
    moved = replace(job, program=("/bin/buildctl", "--addr", "unix:///b"), workdir="/other")
    assert words(moved, **context) == words(job)
    here, there = (("n", str(tmp_path / "named")),), (("n", str(elsewhere / "named")),)
    assert words(moved, **context, build_contexts=there) == words(job, build_contexts=here)
    assert words(job, secrets=("id=a,src=/x",)) == words(job, secrets=("id=a,src=/y",))
    assert words(job, ssh=("default=/x",)) == words(job, ssh=("default=/y",))


def test_the_last_of_two_equal_arguments_counts(job: Job) -> None:
    one, two = (("A", "1"), ("A", "2")), (("A", "2"), ("A", "1"))
    assert words(job, build_args=one) != words(job, build_args=two)


def test_dockerfile_engine_settings_and_epoch_count(job: Job, tmp_path: Path) -> None:
    known = decisive_words(job, "v1", {}, "")
    settings = tmp_path / "buildkitd.toml"
    settings.write_text("")
    assert decisive_words(job, "v2", {}, "") != known
    assert decisive_words(job, "v1", {}, str(settings)) != known
    assert decisive_words(job, "v1", {"SOURCE_DATE_EPOCH": "0"}, "") != known
    assert decisive_words(job, "v1", {"SOURCE_DATE_EPOCH": ""}, "") != known
    assert decisive_words(job, "v1", {"HOME": "/x"}, "") == known
    (tmp_path / "Dockerfile").write_text("FROM busybox\nLABEL a=b\n")
    assert decisive_words(job, "v1", {}, "") != known


def why(job: Job, engine: str = "private", matter: tuple[str, ...] = (), **changes: Any) -> str:
    return why_built(replace(job, request=replace(job.request, **changes)), engine, matter)


def test_a_pushed_image_of_the_private_engine_may_be_skipped(job: Job) -> None:
    assert why(job) == ""
    assert why(job, push=False, outputs=(Output.parse("type=image,push=true"),)) == ""
    assert why(job, push=False, outputs=(Output.parse("type=registry"),)) == ""


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("private engine", {"engine": "buildctl"}),
        ("run again", {"no_cache": True}),
        ("run again", {"no_cache_filter": ("a",)}),
        ("content of a matters", {"secrets": ("id=a",), "matter": ("a",)}),
        ("content of default matters", {"ssh": ("default=/x",), "matter": ("default",)}),
        ("SBOM", {"attests": ("type=sbom",)}),
        ("only what is pushed", {"push": False}),
        ("only what is pushed", {"load": True}),
        ("only what is pushed", {"outputs": (Output.parse("out"),)}),
        ("only what is pushed", {"push": False, "outputs": (Output.parse("type=image"),)}),
        ("no name", {"tags": ()}),
        ("by digest", {"outputs": (Output.parse("type=image,push-by-digest=true"),)}),
        ("frontend of its own", {"build_args": (("BUILDKIT_SYNTAX", "x"),)}),
    ],
)
def test_others_are_built_and_it_is_said_why(job: Job, reason: str, changes: dict[str, Any]) -> None:
    assert reason in why(job, **changes)


@pytest.mark.parametrize("line", ["# syntax=docker/dockerfile:1", "#Syntax = x", "// syntax=x"])
def test_a_frontend_of_its_own_is_seen(job: Job, line: str) -> None:
    Path(job.request.file or "").write_text(f"# check=skip=all\n{line}\nFROM busybox\n")
    assert "frontend of its own" in why(job)
