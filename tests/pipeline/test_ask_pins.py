from __future__ import annotations

from pathlib import Path

from fastbuild.errors import BuildFailed
from fastbuild.pipeline.ask_pins import with_digests
from fastbuild.request import BuildRequest

DIGEST = "sha256:" + "ab" * 32
REQUEST = BuildRequest(context="/c", target="x", platforms=("linux/arm64",), pull=True)


def source(image: str) -> str:
    return f'{{"identifier": "docker-image://{image}"}}'


def test_an_image_without_a_digest_is_asked_for_by_itself(tmp_path: Path) -> None:
    asked = []

    def ask(request: BuildRequest) -> str:
        asked.append((Path(request.file or "").read_text(), request.target, request.pull))
        return source(f"host:5000/a/b:1@{DIGEST}")

    text = source("host:5000/a/b:1") + source("host:5000/a/b:1")
    assert with_digests(text, REQUEST, str(tmp_path), ask) == source(f"host:5000/a/b:1@{DIGEST}") * 2
    assert asked == [("FROM host:5000/a/b:1\n", None, True)]


def test_an_image_that_is_not_found_stays_as_it_is(tmp_path: Path) -> None:
    def ask(_: BuildRequest) -> str:
        raise BuildFailed("not found")

    assert with_digests(source("x:1"), REQUEST, str(tmp_path), ask) == source("x:1")


def test_images_with_digests_are_not_asked_for(tmp_path: Path) -> None:
    text = source(f"x:1@{DIGEST}") + '{"identifier": "local://context"}'
    assert with_digests(text, REQUEST, str(tmp_path), lambda _: "") == text
