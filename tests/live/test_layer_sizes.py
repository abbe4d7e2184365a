"""Layers' sizes in records, and what `fastbuild analyze` makes of them."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builders import remote_builder
from tests.live.builds import build, fastbuild, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.builds import Built
    from tests.live.dockerd import Dockerd

pytestmark = pytest.mark.live

DOCKERFILE = """\
FROM busybox:latest AS tools
RUN head -c 2000000 /dev/zero > /tool
FROM busybox:latest AS base
ARG SIZE=5
WORKDIR /work/here
RUN head -c ${SIZE}000000 /dev/urandom \\
    # random, so that it can't be compressed
    > /big
FROM base
LABEL a=b
COPY --link data /data/
RUN chmod -R 700 /data
COPY --from=tools /tool /tool
RUN <<END
echo heredoc > /note
END
CMD ["x"]
"""
TOOL, WORKDIR, BIG, DATA, CHMOD, COPIED, NOTE = 2, 5, 6, 11, 12, 13, 14
MB = 1_000_000


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = project(tmp_path / "app", DOCKERFILE, x="x")
    (folder / "data").mkdir()
    (folder / "data" / "bytes").write_bytes(bytes(3 * MB))
    return folder


def sizes(built: Built) -> dict[int, tuple[int | None, bool | None]]:
    """Line → bytes and whether they are compressed."""
    assert built.record is not None, built.err
    return {step["line"]: (step["size"], step["compressed"]) for step in built.record["timing"]["steps"]}


def in_archive(archive: Path) -> list[int]:
    """The sizes of the blobs of an OCI archive's only image, the base's first."""
    with tarfile.open(archive) as opened:

        def read(name: str) -> Any:
            file = opened.extractfile(name)
            assert file is not None
            return json.load(file)

        found = read("index.json")["manifests"][0]
        while "manifests" in (manifest := read("blobs/" + found["digest"].replace(":", "/"))):
            found = manifest["manifests"][0]
        return [
            opened.getmember("blobs/" + layer["digest"].replace(":", "/")).size
            for layer in manifest["layers"]
        ]


def test_an_archive_tells_the_sizes_of_the_final_image_s_layers(
    runner: Runner, context: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    found = sizes(build(runner, context, "--progress=quiet", "-o", f"type=oci,dest={archive}"))
    blobs = in_archive(archive)
    lines = (WORKDIR, BIG, DATA, CHMOD, COPIED, NOTE)
    assert [found[line] for line in lines] == [(size, True) for size in blobs[-len(lines) :]]
    assert 5 * MB <= (found[BIG][0] or 0) < 5.01 * MB
    assert found[TOOL] == found[1] == (None, None)
    plain = f"type=oci,dest={archive},compression=uncompressed,force-compression=true"
    again = sizes(build(runner, context, "-o", plain))
    assert again[CHMOD] == (in_archive(archive)[-3], False), "all steps were hits"
    assert (again[CHMOD][0] or 0) > 3 * MB


def test_an_image_in_the_private_engine_s_store_tells_them_too(
    lab: Lab, runner: Runner, context: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    from_archive = sizes(build(runner, context, "-o", f"type=oci,dest={archive}"))
    for flags in (
        ("-q",),
        ("--metadata-file", str(tmp_path / "metadata.json"), "--progress=quiet"),
        ("-t", f"{lab.registry}/sized:1", "--push", "--progress=none"),
    ):
        assert sizes(build(runner, context, *flags)) == from_archive


def test_each_platform_has_its_own_sizes(runner: Runner, tmp_path: Path) -> None:
    text = "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /file\nCOPY amd64 /both\n"
    context = project(tmp_path / "app", text, amd64="a", arm64="a" * 5000)
    (context / "arm64").write_bytes(bytes(range(256)) * 100)
    flags = (
        "--platform=linux/amd64,linux/arm64",
        "-o",
        f"type=oci,dest={tmp_path}/i.tar,compression=uncompressed",
    )
    record = build(runner, context, *flags).record
    assert record is not None
    found = {(s["platform"], s["line"]): s["size"] for s in record["timing"]["steps"] if s["size"]}
    amd = {line: size for (platform, line), size in found.items() if platform == "linux/amd64"}
    arm = {line: size for (platform, line), size in found.items() if "arm64" in platform}
    assert amd[3] < 25600 < arm[3]
    assert amd[4] == arm[4]


def test_the_docker_engine_tells_them(runner: Runner, docker_engine: Dockerd, tmp_path: Path) -> None:
    text = "FROM busybox:latest\nARG X=1\nENV A=$X\nWORKDIR /w\nCOPY data /data\n"
    text += 'RUN head -c 5000000 /dev/zero > /big\nONBUILD RUN false\nCMD ["x"]\n'
    context = project(tmp_path / "app", text, data="d" * 70_000)
    flags = ("--engine=docker", "--network=host", "-t", "sized")

    def found() -> dict[str, tuple[int | None, bool | None]]:
        record = build(runner, context, *flags, DOCKER_HOST=docker_engine.host).record
        assert record is not None
        steps = record["timing"]["steps"]
        return {s["instruction"].split()[0]: (s["size"], s["compressed"]) for s in steps if s["size"]}

    assert found() == {"COPY": (70_000, False), "RUN": (5_000_000, False)}
    assert found()["RUN"] == (5_000_000, False), "all steps were hits"


def test_buildx_tells_them_for_what_it_loads(
    lab: Lab, runner: Runner, docker_engine: Dockerd, context: Path
) -> None:
    with lab.buildkitd() as daemon:
        builder = remote_builder(runner, daemon.address)
        flags = ("--builder", builder, "--load")
        found = sizes(build(runner, context, *flags, DOCKER_HOST=docker_engine.host))
    assert found[CHMOD][1] is False
    assert (found[CHMOD][0], found[COPIED][0], found[TOOL][0]) == (3 * MB, 2 * MB, None)


def test_analyze_names_the_instruction_with_its_measured_size(runner: Runner, context: Path) -> None:
    large = "FROM base AS last\nRUN head -c 101000000 /dev/zero > /large\n"
    (context / "Dockerfile").write_text(DOCKERFILE.replace("FROM base\n", large.replace(" AS last", "")))
    archive = context.parent / "image.tar"
    plain = f"type=oci,dest={archive},compression=uncompressed,force-compression=true"
    built = sizes(build(runner, context, "-o", plain))
    shown = json.loads(fastbuild(runner, "history", "show", "--format", "json").stdout)
    assert {s["line"]: (s["size"], s["compressed"]) for s in shown["timing"]["steps"]} == built
    done = fastbuild(runner, "analyze", str(context), "--format", "json", "--check", "off")
    findings = {f["code"]: f for f in json.loads(done.stdout)["files"][0]["findings"]}
    assert (findings["FB601"]["start"], findings["FB601"]["cost"]["measured"]) == (10, True)
    assert findings["FB601"]["cost"]["bytes"] == built[10][0] >= 101 * MB
    assert findings["FB602"]["start"] == CHMOD + 1
    assert findings["FB602"]["cost"]["bytes"] == built[CHMOD + 1][0]
    assert b"101 MB" in fastbuild(runner, "analyze", str(context), "--check", "off").stdout
