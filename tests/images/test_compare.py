from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.images.archive import Image, read_images
from fastbuild.images.compare import config_differences, differences
from tests.images.archives import CONFIG, files, layer, member, oci

if TYPE_CHECKING:
    import tarfile
    from pathlib import Path


def image(*members: tuple[tarfile.TarInfo, bytes]) -> Image:
    return Image(platform="linux/amd64", config=CONFIG, files=files(layer(*members)))


def changed(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [d.what for d in config_differences({"config": one}, {"config": other})]


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (member("f"), member("f", mode=0o600), "mode"),
        (member("f"), member("f", mode=0o2644), "mode"),
        (member("f"), member("f", uid=1), "owner"),
        (member("f"), member("f", gid=1), "owner"),
        (member("f"), member("f", content=b"x"), "content"),
        (member("f", "link", linkname="a"), member("f", "link", linkname="b"), "target"),
        (member("f"), member("f", xattrs={"user.a": "1"}), "extended attributes"),
        (member("f", "char", devmajor=1), member("f", "char", devmajor=2), "device"),
        (member("f", "char"), member("f", "block"), "kind"),
    ],
)
def test_each_thing_about_a_file_is_compared_and_named(one: Any, other: Any, what: str) -> None:
    found = differences(image(one), image(other))
    assert [(difference.path, difference.what) for difference in found] == [("/f", what)]
    assert found[0].a != found[0].b


def test_entries_that_only_one_has() -> None:
    found = differences(image(member("a"), member("same")), image(member("b", "dir"), member("same")))
    assert [str(difference) for difference in found] == [
        "/a: entry: file → (nothing)",
        "/b: entry: (nothing) → directory",
    ]


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ({"Env": ["A=1"]}, {"Env": ["A=2"]}, ["Env A"]),
        ({"Env": ["A="]}, {"Env": []}, ["Env A"]),
        ({"Labels": {"a": "1"}}, {"Labels": {"b": "1"}}, ["Labels a", "Labels b"]),
        ({"Cmd": ["a"]}, {"Cmd": ["a", "b"]}, ["Cmd"]),
        ({"Cmd": ["a"]}, {"Entrypoint": ["a"]}, ["Entrypoint", "Cmd"]),
        ({"User": "1"}, {}, ["User"]),
        ({"WorkingDir": "/"}, {}, ["WorkingDir"]),
        ({"ExposedPorts": {"80/tcp": {}}}, {}, ["ExposedPorts"]),
        ({"Volumes": {"/a": {}}}, {"Volumes": {"/b": {}}}, ["Volumes"]),
        ({"Healthcheck": {"Test": ["NONE"]}}, {}, ["Healthcheck"]),
        ({"StopSignal": "SIGINT"}, {}, ["StopSignal"]),
        ({"Shell": ["bash"]}, {}, ["Shell"]),
        ({"OnBuild": ["RUN x"]}, {}, ["OnBuild"]),
        ({"ArgsEscaped": True}, {}, ["ArgsEscaped"]),
    ],
)
def test_each_setting_is_compared_and_named(
    one: dict[str, Any], other: dict[str, Any], what: list[str]
) -> None:
    assert changed(one, other) == what
    assert len(changed(other, one)) == len(what)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Env": ["A=1", "B=2"]}, {"Env": ["B=2", "A=1"]}),
        ({"Env": ["A=0", "A=1"]}, {"Env": ["A=1"]}),
        ({"Env": None, "Cmd": None, "Labels": None}, {"Cmd": [], "Volumes": {}, "User": ""}),
    ],
)
def test_what_a_container_can_not_tell_is_no_difference(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert changed(one, other) == []


def test_architecture_and_system_count_the_date_and_the_history_do_not() -> None:
    one = {"os": "linux", "architecture": "arm64", "created": "1", "history": [1]}
    other = {"os": "linux", "architecture": "arm", "variant": "v7", "created": "2"}
    assert [d.what for d in config_differences(one, other)] == ["architecture", "variant"]


def test_the_step_that_wrote_a_different_file_is_told(tmp_path: Path) -> None:
    config = {**CONFIG, "history": [{"created_by": "RUN make"}]}
    one, other = (
        read_images(oci(tmp_path / "i.tar", layer(member("f", content=content)), config=config))[
            "linux/amd64"
        ]
        for content in (b"1", b"2")
    )
    assert differences(one, other)[0].step == "RUN make"
