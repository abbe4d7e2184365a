"""`fastbuild build --skip auto` with a real engine and a real registry."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

import pytest
import requests

from tests.live.builds import build, project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.builds import Built

pytestmark = pytest.mark.live

AUTO = ("--engine", "private", "--skip", "auto", "--push")
UNCHECKED = {"FASTBUILD_SKIP_VERIFY_EVERY": "0"}
DOCKERFILE = """\
FROM busybox:latest AS base
ARG FLAVOUR=plain
RUN head -c 16 /dev/urandom > /random && echo $FLAVOUR > /flavour
FROM base
COPY src /src
LABEL kind=app
CMD ["cat", "/random"]
"""


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[Runner]:
    with lab.runner() as shared:
        yield shared


def image(lab: Lab) -> str:
    return f"{lab.registry}/skip/{secrets.token_hex(4)}"


def app(folder: Path) -> Path:
    context = project(folder, DOCKERFILE, other_txt="not copied\n")
    (context / "src").mkdir(exist_ok=True)
    (context / "src/a.txt").write_text("a\n")
    return context


def pushed(name: str, tag: str) -> str:
    """The digest that a tag stands for; empty where there is none."""
    host, _, repository = name.partition("/")
    accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
    answer = requests.head(
        f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": accept}, timeout=5
    )
    return answer.headers["Docker-Content-Digest"] if answer.status_code == 200 else ""


def skipped(done: Built) -> bool:
    assert done.code == 0, done.err
    assert done.record is not None
    return bool(done.record["skipped"])


def test_an_unchanged_commit_on_a_fresh_runner_is_skipped_and_named_anew(lab: Lab, tmp_path: Path) -> None:
    name, context = image(lab), app(tmp_path / "app")
    with lab.runner() as first:
        made = build(first, context, *AUTO, "-t", f"{name}:one", **UNCHECKED)
        assert not skipped(made)
        assert made.notes() == []
    with lab.runner() as fresh:
        again = build(fresh, context, *AUTO, "-t", f"{name}:two", "-t", f"{name}:three", **UNCHECKED)
        assert skipped(again)
        assert again.notes() == []
    assert made.record
    assert again.record
    assert again.record["digest"] == made.record["digest"]
    assert again.record["timing"]["steps"] == []
    assert f"of build {made.record['id']}" in again.record["skipped"]
    assert "skipped after" in again.err
    assert {pushed(name, tag) for tag in ("one", "two", "three")} == {made.record["digest"]}


def test_result_files_are_those_of_the_engine(lab: Lab, tmp_path: Path) -> None:
    name, context = image(lab), app(tmp_path / "app")
    files = ("--iidfile", str(tmp_path / "iid"), "--metadata-file", str(tmp_path / "metadata"))
    names = ("-t", f"{name}:one", "-t", f"{name}:two")
    left = []
    for skips in (False, True):
        with lab.runner() as fresh:
            done = build(fresh, context, *AUTO, *files, *names, **UNCHECKED)
            assert skipped(done) is skips
        left.append((done.out, (tmp_path / "iid").read_bytes(), (tmp_path / "metadata").read_bytes()))
    assert left[0] == left[1]
    assert json.loads(left[0][2])["image.name"] == f"{name}:one,{name}:two"


def test_all_platforms_and_their_attestations_stay(lab: Lab, tmp_path: Path) -> None:
    name, context = image(lab), project(tmp_path / "app", "FROM scratch\nCOPY app.txt /\n")
    both = ("--platform", "linux/amd64,linux/arm64", "--provenance", "mode=max")
    digests = []
    for skips, tag in ((False, "one"), (True, "two")):
        with lab.runner() as fresh:
            done = build(fresh, context, *AUTO, *both, "-t", f"{name}:{tag}", **UNCHECKED)
            assert skipped(done) is skips
        digests.append(pushed(name, tag))
    assert digests[0] == digests[1] != ""
    host, _, repository = name.partition("/")
    where = f"http://{host}/v2/{repository}/manifests/two"
    index = requests.get(
        where, headers={"Accept": "application/vnd.oci.image.index.v1+json"}, timeout=5
    ).json()
    assert len(index["manifests"]) == 4


Change = tuple[str, tuple[str, ...], dict[str, str]]


def nothing(_: Path) -> Change:
    return "", (), {}


def content(context: Path) -> Change:
    (context / "src/a.txt").write_text("b\n")
    return "", (), {}


def same_size_and_time(context: Path) -> Change:
    file = context / "src/a.txt"
    before = file.stat()
    file.write_text("c\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return "", (), {}


def new_file(context: Path) -> Change:
    (context / "src/b.txt").write_text("")
    return "", (), {}


def mode(context: Path) -> Change:
    (context / "src/a.txt").chmod(0o755)
    return "", (), {}


def folder_mode(context: Path) -> Change:
    (context / "src").chmod(0o700)
    return "--keep-modes", (), {}


def link(context: Path) -> Change:
    (context / "src/link").symlink_to("a.txt")
    return "", (), {}


def ignored(context: Path) -> Change:
    (context / ".dockerignore").write_text("src/a.txt\n")
    (context / "src/c.txt").write_text("c\n")
    return "", (), {}


def text(old: str, new: str) -> Callable[[Path], Change]:
    def change(context: Path) -> Change:
        before = (context / "Dockerfile").read_text()
        assert old in before
        (context / "Dockerfile").write_text(before.replace(old, new))
        return "", (), {}

    return change


def flags(*added: str, **env: str) -> Callable[[Path], Change]:
    return lambda _: ("", added, env)


def touched(context: Path) -> Change:
    os.utime(context / "src/a.txt", (1, 1))
    return "", (), {}


def unrelated(context: Path) -> Change:
    (context / "other.txt").write_text("changed\n")
    return "", (), {}


BUILT: dict[str, Callable[[Path], Change]] = {
    "content": content,
    "content of equal size and time": same_size_and_time,
    "a new file": new_file,
    "a file's mode": mode,
    "a folder's mode": folder_mode,
    "a link": link,
    "the ignore file": ignored,
    "a command": text("head -c 16", "head -c 17"),
    "a label": text("kind=app", "kind=tool"),
    "the command to run": text('["cat"', '["ls"'),
    "an environment variable": text("LABEL", "ENV X=1\nLABEL"),
    "an exposed port": text("LABEL", "EXPOSE 80\nLABEL"),
    "an argument's default": text("plain", "fancy"),
    "another base": text("busybox:latest", "debian:bookworm-slim"),
    "a build argument": flags("--build-arg", "FLAVOUR=fancy"),
    "a label by flag": flags("--label", "a=b"),
    "a target": flags("--target", "base"),
    "a platform": flags("--platform", "linux/arm64"),
    "an annotation": flags("--annotation", "a=b"),
    "provenance": flags("--provenance", "mode=max"),
    "no provenance": flags("--provenance", "false"),
    "compression": flags("-o", "type=registry,compression=zstd,force-compression=true"),
    "the epoch": flags(SOURCE_DATE_EPOCH="1700000000"),
    "the epoch as an argument": flags("--build-arg", "SOURCE_DATE_EPOCH=1700000000"),
    "no cache": flags("--no-cache"),
    "no cache for a stage": flags("--no-cache-filter", "base"),
    "a secret": flags("--secret", "id=a,env=HOME"),
    "a host": flags("--add-host", "a:10.0.0.1"),
    "the network": flags("--network", "none"),
    "an inline cache": flags("--cache-to", "type=inline"),
    "another output": flags("-o", "type=local,dest=out"),
    "skipping not asked for": flags("--skip", "never"),
}
SKIPPED: dict[str, Callable[[Path], Change]] = {
    "nothing": nothing,
    "a file's time": touched,
    "a file that is not copied": unrelated,
    "another name": flags("-t", "{name}:other"),
    "--pull, and the base did not move": flags("--pull"),
    "a cache to read": flags("--cache-from", "type=registry,ref={name}:cache"),
}


@pytest.fixture(scope="module")
def known(lab: Lab, machine: Runner, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image that was built with `app`."""
    name = image(lab)
    assert not skipped(
        build(machine, app(tmp_path_factory.mktemp("known") / "app"), *AUTO, "-t", f"{name}:one", **UNCHECKED)
    )
    return name


def changed(machine: Runner, known: str, tmp_path: Path, change: Callable[[Path], Change]) -> Built:
    context = app(tmp_path / "app")
    more, added, env = change(context)
    wanted = [text.replace("{name}", known) for text in (*added, more) if text]
    return build(machine, context, *AUTO, "-t", f"{known}:next", *wanted, **UNCHECKED, **env)


@pytest.mark.parametrize("what", BUILT)
def test_each_change_is_built(machine: Runner, known: str, tmp_path: Path, what: str) -> None:
    done = changed(machine, known, tmp_path, BUILT[what])
    assert not skipped(done)


@pytest.mark.parametrize("what", SKIPPED)
def test_what_changes_nothing_is_skipped(machine: Runner, known: str, tmp_path: Path, what: str) -> None:
    assert skipped(changed(machine, known, tmp_path, SKIPPED[what]))
