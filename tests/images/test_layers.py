from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.errors import EngineError
from fastbuild.images.layers import (
    History,
    LayerSize,
    Made,
    chain,
    from_docker,
    history_of,
    read_histories,
    sizes,
)
from tests.images.archives import CONFIG, digest, layer, member, oci_blobs, tar, text

if TYPE_CHECKING:
    from fastbuild.dockerfile.model import Dockerfile

RECORDED = Path(__file__).parents[1] / "recordings" / "layers"
DOCKERFILE = (RECORDED / "Dockerfile").read_text()


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text())


def by_line(history: History, dockerfile: Dockerfile, target: str = "") -> dict[int, int]:
    found = sizes(history, chain(dockerfile, target))
    lines = {i.index: i.start for i in dockerfile.instructions}
    return {lines[index]: size.bytes for index, size in found.items()}


def made_by(*entries: str, size: int = 7) -> History:
    """A history; what runs or copies made a layer."""
    layered = ("RUN", "COPY", "ADD", "WORKDIR", "/bin/sh -c ", "|")
    found = LayerSize(bytes=size, compressed=True)
    return History(
        platform="linux/amd64",
        made=tuple(
            Made(created_by=text, layer=found if text.startswith(layered) else None) for text in entries
        ),
    )


BASE = ("ADD rootfs.tar / # buildkit", 'CMD ["sh"]')


def test_a_recorded_image_s_layers_belong_to_the_lines_of_its_dockerfile() -> None:
    manifest = recorded("manifest.json")
    history = history_of(manifest, recorded("config.json"))
    assert history is not None
    assert history.platform == "linux/amd64"
    found = by_line(history, parse(DOCKERFILE))
    assert list(found) == [7, 8, 14, 15, 16, 17]
    assert list(found.values()) == [blob["size"] for blob in manifest["layers"][1:]]
    assert found[8] > 5_000_000 > found[14]


def test_a_recorded_docker_history_does_too_and_is_unpacked() -> None:
    dockerfile = parse((RECORDED / "Dockerfile.docker").read_text())
    history = from_docker((RECORDED / "docker-history.jsonl").read_text())
    found = by_line(history, dockerfile)
    assert {line: found[line] for line in (8, 13, 14, 15)} == {
        8: 5_000_000, 13: 70_000, 14: 70_000, 15: 2_000_000
    }  # fmt: skip
    assert not any(size.compressed for size in sizes(history, chain(dockerfile)).values())


def test_what_is_compressed_is_told_by_the_media_type() -> None:
    config = {"history": [{"created_by": "COPY a b # buildkit"}] * 4}
    types = ("oci.image.layer.v1.tar", "oci.image.layer.v1.tar+gzip", "oci.image.layer.v1.tar+zstd")
    names = [
        *(f"application/vnd.{name}" for name in types),
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]
    history = history_of({"layers": [{"mediaType": name, "size": 1} for name in names]}, config)
    assert history is not None
    assert [made.layer and made.layer.compressed for made in history.made] == [False, True, True, True]


def test_a_configuration_that_does_not_count_its_layers_is_no_evidence() -> None:
    manifest, config = recorded("manifest.json"), recorded("config.json")
    assert history_of({"layers": manifest["layers"][:-1]}, config) is None
    assert history_of({"layers": manifest["layers"]}, {**config, "history": config["history"][1:]}) is None
    assert history_of({"layers": manifest["layers"]}, {}) is None


@pytest.mark.parametrize(
    "changed",
    [
        DOCKERFILE.replace("LABEL a=b\n", ""),
        DOCKERFILE.replace("LABEL a=b\n", "LABEL a=b\nLABEL c=d\n"),
        DOCKERFILE.replace("USER 1000\n", "EXPOSE 1000\n"),
        DOCKERFILE.replace("/dev/urandom", "/dev/zero"),
        DOCKERFILE.replace('["chmod", "700", "/data"]', "true"),
        DOCKERFILE + "RUN more\n",
    ],
)
def test_a_dockerfile_that_says_something_else_gets_no_sizes(changed: str) -> None:
    history = history_of(recorded("manifest.json"), recorded("config.json"))
    assert history is not None
    assert changed != DOCKERFILE
    assert by_line(history, parse(changed)) == {}


def test_an_instruction_without_a_layer_can_t_own_one() -> None:
    dockerfile = parse("FROM a\nRUN x\nUSER 1\n")
    good = made_by(*BASE, "RUN /bin/sh -c x # buildkit", "USER 1")
    assert by_line(good, dockerfile) == {2: 7}
    run, user = good.made[-2:]
    assert by_line(replace(good, made=(replace(run, layer=None), user)), dockerfile) == {}
    assert by_line(replace(good, made=(run, replace(user, layer=run.layer))), dockerfile) == {}


def test_a_workdir_may_have_a_layer_or_not() -> None:
    history = made_by(*BASE, "WORKDIR /a", "WORKDIR /")
    history = replace(history, made=(*history.made[:-1], replace(history.made[-1], layer=None)))
    assert by_line(history, parse("FROM a\nWORKDIR /a\nWORKDIR /\n")) == {2: 7}


def test_the_target_s_stage_and_those_below_it_are_the_chain() -> None:
    text = "FROM a AS One\nRUN x\nFROM one AS two\nRUN y\nFROM b\nRUN z\n"
    names = [[i.text for i in chain(parse(text), target)] for target in ("", "one", "TWO", "none")]
    assert names == [["RUN z"], ["RUN x"], ["RUN x", "RUN y"], []]
    assert chain(parse("# empty\nARG A\n")) == ()


def test_a_base_behind_a_variable_leaves_the_stage_s_own_layers() -> None:
    text = "ARG BASE=one\nFROM a AS one\nRUN x\nFROM ${BASE}\nRUN y\n"
    history = made_by(*BASE, "RUN /bin/sh -c x # buildkit", "RUN /bin/sh -c y # buildkit", size=3)
    assert by_line(history, parse(text)) == {5: 3}


def test_a_stage_s_triggers_come_between_and_cut_the_chain() -> None:
    text = "FROM a AS one\nRUN x\nONBUILD RUN t\nFROM one\nRUN y\nONBUILD RUN u\n"
    run = "RUN /bin/sh -c {} # buildkit".format
    assert by_line(made_by(*BASE, run("x"), run("t"), run("y")), parse(text)) == {5: 7}


def test_blanks_and_arguments_do_not_hide_a_command() -> None:
    dockerfile = parse("FROM a\nRUN  x \\\n    && y\n")
    for entry in (
        "RUN |1 A=b /bin/sh -c x  && y # buildkit",
        "|1 A=b /bin/sh -c x && y",
        "/bin/sh -c x && y",
    ):
        assert by_line(made_by(*BASE, entry), dockerfile) == {2: 7}, entry
    assert by_line(made_by(*BASE, "RUN /bin/sh -c x && y && z # buildkit"), dockerfile) == {}


def image(content: bytes, **config: Any) -> tuple[dict[str, bytes], str]:
    """Blobs of an image of one layer whose manifest says what kind it is, and the manifest's digest."""
    named, found = oci_blobs(
        layer(member("a", content=content)),
        config={**CONFIG, **config, "history": [{"created_by": "COPY a b"}]},
    )
    manifest = json.loads(named["blobs/" + found.replace(":", "/")])
    for entry in manifest["layers"]:
        entry["mediaType"] = "application/vnd.oci.image.layer.v1.tar"
    blob = text(manifest)
    return {**named, f"blobs/sha256/{digest(blob)}": blob}, f"sha256:{digest(blob)}"


def test_an_archive_s_layout_and_a_content_store_read_alike(tmp_path: Path) -> None:
    amd, one = image(b"1")
    arm, two = image(b"2" * 9000, architecture="arm64", variant="v8")
    top = text({"manifests": [{"digest": one}, {"digest": one}, {"digest": two}]})
    named = {**amd, **arm, "index.json": top, f"blobs/sha256/{digest(top)}": top}
    archive = tar(tmp_path / "i.tar", named)
    found = read_histories(archive)
    assert [history.platform for history in found] == ["linux/amd64", "linux/arm64/v8"], "each tag once"
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "i", filter="data")
    assert read_histories(tmp_path / "i") == found
    (tmp_path / "i" / "index.json").unlink()
    assert read_histories(tmp_path / "i", f"blobs/sha256/{digest(top)}") == found
    assert read_histories(tmp_path / "i") == ()


def test_a_blob_that_is_missing_or_damaged_is_an_error(tmp_path: Path) -> None:
    named, found = image(b"1")
    named["index.json"] = text({"manifests": [{"digest": found}]})
    config = json.loads(named["blobs/" + found.replace(":", "/")])["config"]["digest"].replace(":", "/")
    for content in (None, b"{}"):
        rest = {name: blob for name, blob in named.items() if name != f"blobs/{config}"}
        with pytest.raises(EngineError):
            read_histories(
                tar(tmp_path / "i.tar", {**rest, **({f"blobs/{config}": content} if content else {})})
            )
