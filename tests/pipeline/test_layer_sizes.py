from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.engines.api import Job
from fastbuild.images.layers import History, LayerSize, Made, chain
from fastbuild.pipeline.layer_sizes import Place, from_histories, with_sizes
from fastbuild.progress.timings import BuildTiming, Status, StepTiming
from fastbuild.request import BuildRequest, Output

RECORDED = Path(__file__).parents[1] / "recordings" / "layers"
CHAIN = chain(parse((RECORDED / "Dockerfile").read_text()))
STEPS = tuple(
    StepTiming(**{**raw, "status": Status(raw["status"])})
    for raw in json.loads((RECORDED / "steps.json").read_text())
)
TIMING = BuildTiming(steps=STEPS)


def by_line(found: dict[str, LayerSize], steps: tuple[StepTiming, ...] = STEPS) -> dict[int | None, int]:
    return {step.line: found[step.id].bytes for step in steps if step.id in found}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A build by the private engine that left nothing, and may start no program."""
    request = BuildRequest(context=str(tmp_path))
    job = Job(request=request, program=("buildctl", "--addr", "unix:///s"), workdir=str(tmp_path))
    return Place(engine="buildctl", job=job, root=None, local=True, ask=False)


def request(*outputs: str, dockerfile: Path = RECORDED / "Dockerfile") -> BuildRequest:
    return BuildRequest(
        context=".", file=str(dockerfile), outputs=tuple(Output.parse(each) for each in outputs)
    )


def lay_out(folder: Path) -> None:
    """The recorded image as an OCI layout without its layers' blobs, which nobody needs."""
    import hashlib

    def put(content: bytes) -> str:
        found = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / "sha256" / found).write_bytes(content)
        return f"sha256:{found}"

    (folder / "blobs" / "sha256").mkdir(parents=True)
    manifest = json.loads((RECORDED / "manifest.json").read_text())
    manifest["config"]["digest"] = put((RECORDED / "config.json").read_bytes())
    index = json.dumps({"manifests": [{"digest": put(json.dumps(manifest).encode())}]})
    (folder / "index.json").write_text(index)


def _history(platform: str, size: int) -> History:
    layer = LayerSize(bytes=size, compressed=True)
    return History(platform=platform, made=(Made(created_by="RUN /bin/sh -c x # buildkit", layer=layer),))


def test_of_several_platforms_each_step_gets_its_own_size() -> None:
    histories = (_history("linux/amd64", 1), _history("linux/arm64/v8", 2), _history("linux/arm/v7", 3))
    named = ("linux/amd64", "linux/amd64->arm64", "linux/amd64->arm/v7", "linux/amd64->s390x")
    step = replace(STEPS[1], line=2, instruction="RUN x")
    steps = tuple(replace(step, id=platform, platform=platform) for platform in named)
    found = from_histories(steps, chain(parse("FROM a\nRUN x\n")), histories)
    assert {id: size.bytes for id, size in found.items()} == dict(zip(named[:3], (1, 2, 3), strict=True))


def test_a_step_without_a_line_is_known_by_its_text_if_no_other_has_it() -> None:
    instructions = chain(parse("FROM a\nrun x\n"))
    step = replace(STEPS[1], id="a", line=None, instruction="RUN x")
    history = (_history("linux/amd64", 1),)
    assert set(from_histories([step], instructions, history)) == {"a"}
    assert from_histories([step, replace(step, id="b")], instructions, history) == {}
    assert from_histories([replace(step, line=9)], instructions, history) == {}
    assert from_histories([replace(step, line=2, instruction="COPY x")], instructions, history) == {}


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_an_image_that_the_build_wrote_tells_the_sizes(place: Place, tmp_path: Path, kind: str) -> None:
    lay_out(tmp_path / "image")
    sized = with_sizes(TIMING, request(f"type={kind},dest={tmp_path}/image,tar=false"), place)
    assert {step.line for step in sized.steps if step.compressed} == {7, 8, 14, 15, 16, 17}
    assert [replace(step, size=None, compressed=None) for step in sized.steps] == list(STEPS)


def test_the_engine_s_store_tells_them_where_the_first_source_is_damaged(
    place: Place, tmp_path: Path
) -> None:
    lay_out(tmp_path / "root" / "worker" / "content")
    index = json.loads((tmp_path / "root" / "worker" / "content" / "index.json").read_text())
    metadata = {"containerimage.digest": index["manifests"][0]["digest"]}
    Path(place.job.metadata_file).write_text(json.dumps(metadata))
    (tmp_path / "image.tar").write_bytes(b"no archive")
    place = replace(place, root=tmp_path / "root")
    sized = with_sizes(TIMING, request(), place)
    assert {step.line for step in sized.steps if step.size} == {7, 8, 14, 15, 16, 17}
    shutil.rmtree(tmp_path / "root")
    assert with_sizes(TIMING, request(), place) == TIMING


def test_nothing_can_fail_a_build_that_is_done(place: Place, tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text("FRM x\n")
    for name in ("", "/nowhere/Dockerfile", str(broken)):
        assert with_sizes(TIMING, replace(request(), file=name), place) == TIMING
    Path(place.job.metadata_file).write_text("no json")
    assert with_sizes(TIMING, request(), place) == TIMING
