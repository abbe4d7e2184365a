from __future__ import annotations

import gzip
import tarfile
from typing import TYPE_CHECKING

import pytest

from fastbuild.errors import EngineError
from fastbuild.images.archive import Known, read_contents, read_images
from tests.images.archives import CONFIG, digest, layer, member, oci, oci_blobs, tar, text

if TYPE_CHECKING:
    from pathlib import Path

LAYER = layer(member("a", content=b"one"), member("b", "hard", linkname="a"))


def test_an_oci_archive(tmp_path: Path) -> None:
    images = read_images(oci(tmp_path / "image.tar", gzip.compress(LAYER), layer(member("c"))))
    assert list(images) == ["linux/amd64"]
    image = images["linux/amd64"]
    assert set(image.files) == {"/a", "/b", "/c"}
    assert image.config["config"]["Cmd"] == ["sh"]


def test_a_layout_directory_reads_like_its_archive(tmp_path: Path) -> None:
    archive = oci(tmp_path / "image.tar", LAYER)
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "layout", filter="data")
    assert read_images(tmp_path / "layout") == read_images(archive)


def test_what_docker_save_writes(tmp_path: Path) -> None:
    manifest = [{"Config": "abc.json", "RepoTags": None, "Layers": ["1/layer.tar", "2/layer.tar"]}]
    named = {"manifest.json": text(manifest), "abc.json": text(CONFIG), "1/layer.tar": LAYER}
    archive = tar(tmp_path / "saved.tar", named)
    with tarfile.open(archive, "a") as opened:  # a layer that comes twice is a link
        opened.addfile(member("2/layer.tar", "link", linkname="../1/layer.tar")[0])
    assert set(read_images(archive)["linux/amd64"].files) == {"/a", "/b"}


def test_platforms_are_told_apart_and_attestations_left_out(tmp_path: Path) -> None:
    amd, one = oci_blobs(LAYER)
    arm, other = oci_blobs(layer(member("arm")), config={**CONFIG, "architecture": "arm64", "variant": "v8"})
    attested, proof = oci_blobs(layer(member("x")), config={"os": "unknown", "architecture": "unknown"})
    index = text(
        {
            "manifests": [
                {"digest": one},
                {"digest": other},
                {"digest": proof, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
            ]
        }
    )
    named = {**amd, **arm, **attested, f"blobs/sha256/{digest(index)}": index}
    named["index.json"] = text({"manifests": [{"digest": f"sha256:{digest(index)}"}]})
    images = read_images(tar(tmp_path / "both.tar", named))
    assert set(images) == {"linux/amd64", "linux/arm64/v8"}
    assert set(images["linux/arm64/v8"].files) == {"/arm"}


def test_the_history_tells_which_step_wrote_a_file(tmp_path: Path) -> None:
    history = [
        {"created_by": "COPY a /"},
        {"created_by": "ENV x", "empty_layer": True},
        {"created_by": "RUN c"},
    ]
    archive = oci(tmp_path / "i.tar", LAYER, layer(member("c")), config={**CONFIG, "history": history})
    image = read_images(archive)["linux/amd64"]
    assert (image.step_of("/a"), image.step_of("/c"), image.step_of("/none")) == ("COPY a /", "RUN c", "")


def test_the_classic_builders_history_reads_like_buildkits(tmp_path: Path) -> None:
    history = [{"created_by": "/bin/sh -c #(nop) COPY file:1 in /a "}]
    archive = oci(tmp_path / "i.tar", LAYER, config={**CONFIG, "history": history})
    assert read_images(archive)["linux/amd64"].step_of("/a") == "COPY file:1 in /a"


def test_a_history_that_does_not_fit_the_layers_tells_nothing(tmp_path: Path) -> None:
    archive = oci(tmp_path / "i.tar", LAYER, config={**CONFIG, "history": [{}, {}]})
    assert read_images(archive)["linux/amd64"].step_of("/a") == ""


def test_contents_come_from_the_layer_that_counts_and_through_hard_links(tmp_path: Path) -> None:
    archive = oci(
        tmp_path / "i.tar", LAYER, layer(member("c", content=b"1")), layer(member("c", content=b"22"))
    )
    image = read_images(archive)["linux/amd64"]
    found = read_contents(archive, image, ["/a", "/b", "/c", "/none"], 100)
    assert found == {"/a": b"one", "/b": b"one", "/c": b"22"}
    assert read_contents(archive, image, ["/b", "/c"], 2) == {"/c": b"22"}


def test_layers_read_once_are_known(tmp_path: Path) -> None:
    known = Known()
    first = read_images(oci(tmp_path / "1.tar", LAYER), known)
    second = read_images(oci(tmp_path / "2.tar", gzip.compress(LAYER)), known)
    assert len(known.layers) == 1
    assert first["linux/amd64"].files == second["linux/amd64"].files


def test_damaged_archives_are_errors_that_say_where(tmp_path: Path) -> None:
    good = oci(tmp_path / "good.tar", LAYER).read_bytes()
    blobs, manifest = oci_blobs(LAYER)
    index = {"index.json": text({"manifests": [{"digest": manifest}]})}
    lacking = {name: blob for name, blob in blobs.items() if blob != LAYER}
    shorter = {name: blob[:-512] if blob == LAYER else blob for name, blob in blobs.items()}
    changed = {name: blob + b" " if blob.startswith(b'{"schema') else blob for name, blob in blobs.items()}
    cases = {
        "truncated": (good[: len(good) // 2], "image can't be read"),
        "empty": (b"", "image can't be read"),
        "no archive": (b"x" * 4096, "image can't be read"),
        "nothing in it": (layer(member("x")), "neither index.json nor manifest.json"),
        "no layer": (tar(tmp_path / "t", {**lacking, **index}).read_bytes(), "is missing"),
        "short layer": (tar(tmp_path / "t", {**shorter, **index}).read_bytes(), "bytes instead of"),
        "changed manifest": (
            tar(tmp_path / "t", {**changed, **index}).read_bytes(),
            "not what its name says",
        ),
        "no JSON": (tar(tmp_path / "t", {"index.json": b"{"}).read_bytes(), "index.json"),
        "other JSON": (tar(tmp_path / "t", {"index.json": b'{"manifests": [{}]}'}).read_bytes(), "lacks"),
        "no image": (tar(tmp_path / "t", {"index.json": b'{"manifests": []}'}).read_bytes(), "no image"),
    }
    for name, (content, said) in cases.items():
        (tmp_path / "bad.tar").write_bytes(content)
        with pytest.raises(EngineError, match=said) as raised:
            read_images(tmp_path / "bad.tar")
        assert raised.value.fix, name
    with pytest.raises(EngineError):
        read_images(tmp_path / "absent.tar")
