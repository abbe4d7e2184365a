"""`--skip auto` where an image is not what its note says or can't be asked for; builds that check one."""

from __future__ import annotations

import secrets
import signal
from typing import TYPE_CHECKING

import pytest
import requests

from tests.lab.faults import Drop, Respond, Rule, Stall, on
from tests.lab.proxy import FaultProxy
from tests.live.builds import build, project
from tests.live.started import in_background, wait_until
from tests.live.test_skip import AUTO, UNCHECKED, app, image, pushed, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.faults import Fault
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.builds import Built

pytestmark = pytest.mark.live

CHECKED = {"FASTBUILD_SKIP_VERIFY_EVERY": "1"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
SAME = "FROM busybox\nCOPY src /src\n"
RANDOM = "FROM busybox\nRUN head -c 16 /dev/urandom > /random\n"


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[Runner]:
    with lab.runner() as shared:
        yield shared


def made(machine: Runner, context: Path, name: str, *args: str, **env: str) -> Built:
    return build(machine, context, *AUTO, *args, "-t", f"{name}:one", **{**UNCHECKED, **env})


def api(name: str, path: str) -> str:
    host, _, repository = name.partition("/")
    return f"http://{host}/v2/{repository}/{path}"


def notes_of(done: Built) -> str:
    return " | ".join(done.notes())


def test_an_image_that_was_deleted_is_built(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    name, context = image(lab), app(tmp_path / "app")
    first = made(machine, context, name)
    assert first.record
    assert requests.delete(api(name, f"manifests/{first.record['digest']}"), timeout=5).status_code == 202
    again = made(machine, context, name)
    assert not skipped(again)
    assert "is no longer there" in notes_of(again)
    assert skipped(made(machine, context, name))


def test_an_image_of_which_a_layer_is_gone_is_built(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    name, context = image(lab), app(tmp_path / "app")
    first = made(machine, context, name, "--provenance", "false")
    assert first.record
    where = api(name, f"manifests/{first.record['digest']}")
    manifest = requests.get(where, headers={"Accept": MANIFEST}, timeout=5).json()
    layer = manifest["layers"][-1]["digest"]
    assert requests.delete(api(name, f"blobs/{layer}"), timeout=5).status_code == 202
    again = made(machine, context, name, "--provenance", "false")
    assert not skipped(again)
    assert f"{layer} of the image is no longer there" in notes_of(again)


@pytest.mark.parametrize("fault", [Respond(500), Respond(403), Drop(), Stall(30)], ids=str)
@pytest.mark.parametrize(
    "where", [("GET", "manifests/fastbuild-"), ("HEAD", "blobs/"), ("PUT", "manifests/two")]
)
def test_a_registry_that_fails_us_costs_a_line_and_no_build(
    lab: Lab, machine: Runner, tmp_path: Path, where: tuple[str, str], fault: Fault
) -> None:
    context = app(tmp_path / "app")
    repository = f"skip/{secrets.token_hex(4)}"
    assert not skipped(made(machine, context, f"{lab.registry}/{repository}"))
    times = None if where[0] == "GET" else 1
    rules = [Rule(on(*where), fault, times=times)]
    with FaultProxy(f"http://{lab.registry}", rules=rules) as proxy:
        done = build(machine, context, *AUTO, "-t", f"{proxy.address}/{repository}:two", **UNCHECKED)
    assert not skipped(done)
    said = [note for note in done.notes() if note.startswith("skip: ") and note.endswith(": built")]
    assert len(said) == 1
    assert pushed(f"{lab.registry}/{repository}", "two") == (done.record or {})["digest"]


def test_a_registry_that_is_down_fails_the_build_as_without_us(
    lab: Lab, machine: Runner, tmp_path: Path
) -> None:
    context = app(tmp_path / "app")
    with FaultProxy(f"http://{lab.registry}") as proxy, proxy.refused():
        done = build(machine, context, *AUTO, "-t", f"{proxy.address}/skip/down:one", **UNCHECKED)
    assert done.code == 1
    assert "failed to push" in done.err
    assert [note for note in done.notes() if note.startswith("skip: ")] == [
        f"skip: {proxy.address} gives no usable answer (ConnectionError): check the address and the network; "
        "a registry without TLS needs registry.insecure=true: built"
    ]


def test_a_base_that_moved_is_built_and_one_that_moved_back_is_skipped(
    lab: Lab, machine: Runner, tmp_path: Path
) -> None:
    base, name = image(lab), image(lab)
    context = project(tmp_path / "app", f"FROM {base}:latest\nRUN cat /v\n")
    bases = {
        version: project(tmp_path / version, f"FROM busybox\nRUN echo {version} > /v\n")
        for version in ("one", "two")
    }
    results = []
    for version in ("one", "two", "one"):
        push = ("--engine", "private", "--push", "-t", f"{base}:latest", "--provenance", "false")
        assert build(machine, bases[version], *push).code == 0
        results.append(skipped(made(machine, context, name)))
    assert results == [False, False, True]


def test_settings_of_a_base_without_layers_are_not_missed(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    base, name = image(lab), image(lab)
    context = project(tmp_path / "app", f"FROM {base}:latest\nCOPY app.txt /\n")
    for value in ("one", "two"):
        settings = project(tmp_path / value, f"FROM scratch\nENV VALUE={value}\n")
        push = ("--engine", "private", "--push", "-t", f"{base}:latest", "--provenance", "false")
        assert build(machine, settings, *push).code == 0
        done = made(machine, context, name)
        assert not skipped(done)
        assert "the base image has no files of its own" in notes_of(done)


def test_a_url_without_a_checksum_switches_skipping_off(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    name = image(lab)
    context = project(tmp_path / "app", f"FROM busybox\nADD http://{lab.registry}/v2/ /v2\n")
    for _ in range(2):
        done = made(machine, context, name)
        assert not skipped(done)
        assert "a URL without --checksum may give other bytes" in notes_of(done)


def test_a_secret_that_matters_switches_skipping_off(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    name, context = image(lab), app(tmp_path / "app")
    secret = ("--secret", "id=key,env=HOME")
    assert not skipped(made(machine, context, name, *secret))
    assert skipped(made(machine, context, name, *secret, FASTBUILD_SKIP_SECRETS="other"))
    done = made(machine, context, name, *secret, FASTBUILD_SKIP_SECRETS="other key")
    assert not skipped(done)
    assert "the content of key matters" in notes_of(done)


def test_files_that_change_while_they_are_built_are_not_remembered(
    lab: Lab, machine: Runner, tmp_path: Path
) -> None:
    name = image(lab)
    context = project(tmp_path / "app", "FROM busybox\nRUN echo begun; sleep 3\nCOPY app.txt /\n")
    args = (*AUTO, "-t", f"{name}:one", "--progress", "plain", str(context))
    with in_background(machine, *args, **UNCHECKED) as started:
        started.saw("begun")
        (context / "app.txt").write_text("changed\n")
        assert started.end()[0] == 0
        assert "changed during the build" in started.text
    (context / "app.txt").write_text("one\n")
    assert not skipped(made(machine, context, name))


def test_an_interrupted_look_leaves_no_tag(lab: Lab, machine: Runner, tmp_path: Path) -> None:
    context = app(tmp_path / "app")
    repository = f"skip/{secrets.token_hex(4)}"
    assert not skipped(made(machine, context, f"{lab.registry}/{repository}"))
    rules = [Rule(on("HEAD", "blobs/"), Stall(30))]
    with FaultProxy(f"http://{lab.registry}", rules=rules) as proxy:
        args = (*AUTO, "-t", f"{proxy.address}/{repository}:two", str(context))
        with in_background(machine, *args, **UNCHECKED) as started:
            assert wait_until(lambda: rules[0].seen, 30), started.text
            started.signal(signal.SIGINT)
            assert started.end()[0] == 130
    assert pushed(f"{lab.registry}/{repository}", "two") == ""


def test_an_image_is_checked_once_by_building_it_again(lab: Lab, tmp_path: Path) -> None:
    name = image(lab)
    context = app(tmp_path / "app")
    (context / "Dockerfile").write_text(SAME)
    results = []
    for _ in range(3):
        with lab.runner() as fresh:
            done = made(fresh, context, name, **CHECKED)
            results.append((skipped(done), notes_of(done)))
    assert [it for it, _ in results] == [False, False, True]
    assert "built to check sha256:" in results[1][1]
    assert "SWITCHED OFF" not in results[1][1]


def test_steps_that_are_not_reproducible_switch_skipping_off_for_their_target(
    lab: Lab, tmp_path: Path
) -> None:
    name = image(lab)
    context = project(tmp_path / "app", RANDOM)
    with lab.runner() as one:
        assert not skipped(made(one, context, name, **CHECKED))
    with lab.runner() as two:
        done = made(two, context, name, **CHECKED)
        assert not skipped(done)
        assert "SWITCHED OFF for this target" in notes_of(done)
        assert "/random: content" in notes_of(done)
    with lab.runner() as three:
        done = made(three, context, name)
        assert not skipped(done)
        assert "switched off for this target" in notes_of(done)
