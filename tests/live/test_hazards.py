"""Another project's bytes and stale modes: reproduced with raw buildctl, impossible through fastbuild."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.live.builds import build, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

COPY = "FROM scratch\nCOPY f /f\n"
WHEN = 1_700_000_000


def twins(folder: Path) -> tuple[Path, Path]:
    """Two projects whose `f` differs in its bytes alone; both directories have the same name, as in CI."""
    made = []
    for owner, text in (("one", "AAA"), ("two", "BBB")):
        made.append(project(folder / owner / "app", COPY, f=text))
        os.utime(made[-1] / "f", (WHEN, WHEN))
    return made[0], made[1]


def built(folder: Path) -> str:
    return (folder / "f").read_text()


def test_raw_buildctl_mixes_projects(new_daemon: Buildkitd, tmp_path: Path) -> None:
    for number, context in enumerate(twins(tmp_path)):
        new_daemon.build(context, "--output", f"type=local,dest={tmp_path}/out{number}")
    assert (built(tmp_path / "out0"), built(tmp_path / "out1")) == ("AAA", "AAA"), (
        "BuildKit no longer mixes projects: the copies of our own can go"
    )


def test_fastbuild_does_not(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    for again in range(2):
        for number, context in enumerate(twins(tmp_path)):
            out = tmp_path / f"out{number}-{again}"
            done = build(runner, context, "-o", str(out), **engine)
            assert done.code == 0, done.err
            assert built(out) == ("AAA", "BBB")[number]


def test_concurrent_builds_of_two_projects_and_of_one(
    runner: Runner, engine: dict[str, str], tmp_path: Path
) -> None:
    contexts = [*twins(tmp_path), *twins(tmp_path)] * 2
    codes: dict[int, int] = {}

    def one(number: int) -> None:
        from tests.live.builds import fastbuild

        done = fastbuild(runner, "build", "-o", str(tmp_path / f"o{number}"), str(contexts[number]), **engine)
        codes[number] = done.returncode

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(contexts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes.values()) == {0}
    assert [built(tmp_path / f"o{n}") for n in range(len(contexts))] == ["AAA", "BBB"] * 4


MODES = "FROM busybox:latest\nCOPY d /d\nRUN stat -c %a /d/sub > /mode\n"


def nested(folder: Path, mode: int) -> Path:
    context = project(folder, MODES, Dockerfile=MODES)
    (context / "d" / "sub").mkdir(parents=True, exist_ok=True)
    (context / "d" / "sub" / "x").write_text("x")
    (context / "d" / "sub").chmod(mode)
    return context


def test_raw_buildctl_misses_a_directory_s_mode(new_daemon: Buildkitd, tmp_path: Path) -> None:
    for mode in (0o755, 0o711):
        context = nested(tmp_path / "app", mode)
        new_daemon.build(context, "--output", f"type=local,dest={tmp_path}/out{mode}")
    assert (tmp_path / f"out{0o711}" / "mode").read_text() == "755\n", (
        "BuildKit now sees modes of directories: generations of copies can go"
    )


def test_fastbuild_sees_it(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    for mode in (0o755, 0o711, 0o755):
        context = nested(tmp_path / "app", mode)
        done = build(runner, context, "-o", str(tmp_path / f"out{mode}"), **engine)
        assert done.code == 0, done.err
        assert (tmp_path / f"out{mode}" / "mode").read_text() == f"{mode:o}\n"


def test_an_edit_that_keeps_size_and_mtime_is_seen(
    runner: Runner, engine: dict[str, str], tmp_path: Path
) -> None:
    context = project(tmp_path / "app", COPY, f="AAA")
    for text in ("AAA", "BBB"):
        (context / "f").write_text(text)
        os.utime(context / "f", (WHEN, WHEN))
        done = build(runner, context, "-o", str(tmp_path / text), **engine)
        assert done.code == 0, done.err
        assert built(tmp_path / text) == text


def sent(record: dict[str, object]) -> int:
    timing = record["timing"]
    assert isinstance(timing, dict)
    return sum(o["bytes"] for o in timing["others"] if o["name"] == "load build context")


def test_an_unchanged_large_context_is_not_sent_again(runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM scratch\nCOPY src /src\n", Dockerfile="")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY src /src\n")
    for folder in range(100):
        (context / "src" / str(folder)).mkdir(parents=True)
        for file in range(200):
            (context / "src" / str(folder) / str(file)).write_text(f"{folder}/{file}\n" * 40)
    first = build(runner, context, FASTBUILD_ENGINE="private")
    (context / "src" / "7" / "7").write_text("changed\n")
    second = build(runner, context, FASTBUILD_ENGINE="private")
    assert first.record is not None, first.err
    assert second.record is not None, second.err
    # an unchanged file costs its name and metadata, never its content
    assert sent(second.record) < sent(first.record) / 4
    assert second.steps()["COPY src /src"] == "ran"
