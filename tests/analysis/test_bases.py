from __future__ import annotations

import pytest

from fastbuild.analysis.bases import Image, image, is_debian, pulled
from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("node", ("", "node", "", "")),
        ("node:22-slim", ("", "node", "22-slim", "")),
        (f"node:22@{DIGEST}", ("", "node", "22", DIGEST)),
        ("docker.io/library/node:22", ("", "node", "22", "")),
        ("someone/app", ("", "someone/app", "", "")),
        ("ghcr.io/someone/app:1", ("ghcr.io", "someone/app", "1", "")),
        ("localhost:5000/app", ("localhost:5000", "app", "", "")),
        ("localhost:5000/a/b:1", ("localhost:5000", "a/b", "1", "")),
        ("localhost/app:1", ("localhost", "app", "1", "")),
    ],
)
def test_a_reference_has_parts(reference: str, parts: tuple[str, str, str, str]) -> None:
    host, path, tag, digest = parts
    assert image(reference) == Image(host=host, path=path, tag=tag, digest=digest)


@pytest.mark.parametrize("reference", ["", "scratch", "$BASE", "node:$V", "a:b:c"])
def test_what_is_no_image_has_none(reference: str) -> None:
    assert image(reference) is None


@pytest.mark.parametrize(
    ("tag", "version"), [("3.12.1-slim", (3, 12, 1)), ("22", (22,)), ("lts", ()), ("", ())]
)
def test_a_tag_starts_with_its_version(tag: str, version: tuple[int, ...]) -> None:
    assert Image(host="", path="a", tag=tag, digest="").version == version


def test_debian_is_known_by_name_and_tag() -> None:
    assert is_debian(image("python:3.13-slim"))
    assert not is_debian(image("python:3.13-alpine"))
    assert not is_debian(image("ghcr.io/a/python:3"))
    assert not is_debian(None)


def test_stages_are_not_pulled_and_images_only_once() -> None:
    text = (
        "FROM node:22 AS Build\nFROM build AS more\nFROM debian:12\nCOPY --from=build /a /a\n"
        "COPY --from=1 /a /a\nCOPY --from=busybox /a /a\nRUN --mount=from=node:22,target=/n true\n"
    )
    found = [reference for _, reference, _ in pulled(Subject(parse(text)))]
    assert found == ["node:22", "debian:12", "busybox"]
