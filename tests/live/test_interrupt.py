"""Ctrl-C and SIGTERM: stopped within a second, nothing left behind, recorded as cancelled, 130 and 143."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.faults import Rule, Stall, Truncate, on
from tests.lab.proxy import FaultProxy
from tests.live.builds import build, fastbuild, project
from tests.live.started import Started, in_background, on_a_terminal, processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

HANG = 5.0
"""Seconds. The promise is one second; tests share machines that may be busy."""


@pytest.fixture
def private() -> dict[str, str]:
    return {"FASTBUILD_ENGINE": "private"}


def sleeper(folder: Path) -> tuple[Path, str]:
    """A project whose second step sleeps for longer than any test, and that sleep's command line."""
    sleep = f"sleep {random.randrange(7_000_000, 8_000_000)}"
    text = f"FROM busybox:latest\nCOPY app.txt /app.txt\nRUN echo it is $((20 + 22)); {sleep}\n"
    return project(folder, text), sleep


def stopped(started: Started, what: str, sleep: str, *, code: int) -> None:
    """Wait for the end, and check all that an interrupt promises."""
    ended, seconds = started.end()
    print(f"interrupt: {what}: {seconds * 1000:.0f} ms")
    assert ended == code, started.text
    assert seconds < HANG
    assert "Traceback" not in started.text
    assert started.written()["result"] == "cancelled"
    assert started.written()["exit_code"] == code
    assert history(started.runner)[0]["result"] == "cancelled"
    assert history(started.runner)[0]["id"] == started.written()["id"]
    assert clients(started) == []
    assert [name for name in started.left() if name.startswith("fastbuild-")] == []
    if sleep:
        assert wait_until(lambda: not processes(sleep), 2), processes(sleep)


def clients(started: Started) -> list[str]:
    """Clients of the engine, and gits, that are still about this build."""
    found = processes(str(started.temporary))
    return [line for line in found if "buildkitd" not in line.split()[0]]


def history(runner: Runner) -> list[dict[str, Any]]:
    done = fastbuild(runner, "history", "list", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return list(found["builds"] if isinstance(found, dict) else found)


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error")]


def build_again(runner: Runner, context: Path, out: Path, env: dict[str, str]) -> None:
    """The next build of the directory is whole and right."""
    project(context, app_txt="again\n")
    done = build(runner, context, "-o", str(out), **env)
    assert done.code == 0, done.err
    assert (out / "built.txt").read_text() == "again\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_fastbuild_alone(
    runner: Runner, engine: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    context, sleep = sleeper(tmp_path / "app")
    with in_background(runner, "--progress", "plain", str(context), **engine) as started:
        started.saw("it is 42")
        started.signal(number)
        stopped(started, f"{engine['FASTBUILD_ENGINE']} {number.name}", sleep, code=128 + number)
        statuses = {s["instruction"][:4]: s["status"] for s in started.written()["timing"]["steps"]}
        assert statuses == {"FROM": "source", "COPY": "ran", "RUN ": "cancelled"}
        assert len(errors(started.text)) == 1, started.text
    build_again(runner, context, tmp_path / "out", engine)


def test_ctrl_c_in_a_terminal_goes_to_the_whole_group(
    runner: Runner, engine: dict[str, str], tmp_path: Path
) -> None:
    context, sleep = sleeper(tmp_path / "app")
    with on_a_terminal(runner, str(context), **engine) as (started, keyboard):
        assert wait_until(lambda: processes(sleep), 30), started.text
        os.write(keyboard, b"\x03")
        stopped(started, f"{engine['FASTBUILD_ENGINE']} Ctrl-C", sleep, code=130)
        assert started.text.count("\x1b[?25l") == started.text.count("\x1b[?25h"), "the cursor stays hidden"
    build_again(runner, context, tmp_path / "out", engine)


def test_impatience_does_no_harm(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    context, sleep = sleeper(tmp_path / "app")
    with in_background(runner, "--progress", "plain", str(context), **engine) as started:
        started.saw("it is 42")

        def hammer() -> None:
            for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT) * 5:
                try:
                    started.signal(number)
                except ProcessLookupError:
                    return
                time.sleep(0.01)

        thread = threading.Thread(target=hammer)
        thread.start()
        stopped(started, f"{engine['FASTBUILD_ENGINE']} many", sleep, code=130)
        thread.join()
    build_again(runner, context, tmp_path / "out", engine)


def test_while_the_context_is_sent(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM busybox:latest\nCOPY . /src\n", Dockerfile="")
    (context / "Dockerfile").write_text("FROM busybox:latest\nCOPY src /src\n")
    for folder in range(100):
        (context / "src" / str(folder)).mkdir(parents=True)
        for file in range(200):
            (context / "src" / str(folder) / str(file)).write_text(f"{folder}/{file}\n")
    with in_background(runner, "--progress", "plain", str(context), **engine) as started:
        started.saw("load build context")
        started.signal(signal.SIGINT)
        stopped(started, f"{engine['FASTBUILD_ENGINE']} transfer", "", code=130)
    done = build(runner, context, "-o", str(tmp_path / "out"), **engine)
    assert done.code == 0, done.err
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out" / "src").rglob("*"))
    assert made == sorted(str(p.relative_to(context)) for p in (context / "src").rglob("*"))
    assert (tmp_path / "out/src/99/199").read_text() == "99/199\n"


def cached(lab: Lab, runner: Runner, context: Path) -> str:
    """A bucket's URL that holds the cache of a build of `context`, with the endpoint left out."""
    account = lab.s3_server.account.new_bucket("interrupt")
    url = f"s3://{account.bucket}/ci?region=us-east-1&endpoint_url="
    done = build(runner, context, "--cache", url + account.endpoint, "--name", "app")
    assert done.code == 0, done.err
    return url


LAYER = "FROM busybox:latest\nRUN dd if=/dev/urandom of=/big bs=1M count=2 2>/dev/null\n"


def test_during_the_retry_without_a_broken_cache(
    lab: Lab, runner: Runner, private: dict[str, str], tmp_path: Path
) -> None:
    url = cached(lab, runner, project(tmp_path / "app", LAYER, app_txt="one\n"))
    context, sleep = sleeper(tmp_path / "app")
    step = f"RUN echo it is $((20 + 22)); {sleep}\n"
    (context / "Dockerfile").write_text(LAYER + step)
    with (
        lab.runner() as fresh,
        FaultProxy(lab.s3.endpoint, rules=[Rule(on("GET", "/blobs/"), Truncate(0.5))]) as proxy,
    ):
        args = ("--progress", "plain", "--cache", url + proxy.endpoint, "--name", "app", str(context))
        with in_background(fresh, *args, **private) as started:
            started.saw("built again without reading the cache")
            assert wait_until(lambda: processes(sleep), 30), started.text
            started.signal(signal.SIGINT)
            stopped(started, "private retry", sleep, code=130)
            assert any("without reading the cache" in note for note in started.written()["notes"])


@pytest.mark.parametrize(("method", "where"), [("GET", "/manifests/"), ("GET", "/blobs/"), ("PUT", "/")])
def test_while_a_cache_does_not_answer(
    lab: Lab, runner: Runner, private: dict[str, str], tmp_path: Path, method: str, where: str
) -> None:
    context = project(tmp_path / "app", LAYER + "COPY app.txt /\n", app_txt="one\n")
    url = cached(lab, runner, context)
    (context / "app.txt").write_text("two\n")
    with (
        lab.runner() as fresh,
        FaultProxy(lab.s3.endpoint, rules=[Rule(on(method, where), Stall(20))]) as proxy,
    ):
        args = ("--progress", "plain", "--cache", url + proxy.endpoint, "--name", "app")
        with in_background(fresh, *args, str(context), **private) as started:
            started.saw("importing cache manifest" if method == "GET" else "exporting cache")
            time.sleep(0.5)
            started.signal(signal.SIGTERM)
            stopped(started, f"private cache {method} {where}", "", code=143)
        began = time.monotonic()
        done = build(fresh, context, "-o", str(tmp_path / "out"), **private)
        assert done.code == 0, done.err
        assert time.monotonic() - began < 10, "the next build waits for what the interrupted one asked"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_standard_input_is_read(
    runner: Runner, private: dict[str, str], number: signal.Signals
) -> None:
    reading, writing = os.pipe()
    with in_background(runner, "-", stdin=reading, **private) as started:
        os.close(reading)
        assert wait_until(started.left, 10), started.text
        time.sleep(0.1)
        started.signal(number)
        code, seconds = started.end()
        print(f"interrupt: stdin {number.name}: {seconds * 1000:.0f} ms")
    os.close(writing)
    assert code == 128 + number
    assert len(started.text.splitlines()) == 1, started.text
    assert started.left() == []


def test_at_any_moment_of_a_short_build(runner: Runner, private: dict[str, str], tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    assert build(runner, context, **private).code == 0
    for moment in range(0, 600, 40):
        (context / "app.txt").write_text(f"{moment}\n")
        with in_background(runner, "--progress", "plain", str(context), **private) as started:
            time.sleep(moment / 1000)
            started.signal(signal.SIGINT)
            code, seconds = started.end()
            print(f"interrupt: after {moment} ms: {code}, {seconds * 1000:.0f} ms")
            assert code in (0, 130, -signal.SIGINT), started.text
            assert seconds < HANG
            assert "Traceback" not in started.text or code == -signal.SIGINT, started.text
            assert clients(started) == []
            assert started.left() == [], started.text
    build_again(runner, context, tmp_path / "out", private)


def test_a_slow_git_does_not_outlive_the_build(
    runner: Runner, private: dict[str, str], tmp_path: Path
) -> None:
    context, sleep = sleeper(tmp_path / "app")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"],
    ):
        subprocess.run(["git", *words], cwd=context, env=runner.env, check=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *status*|*diff*) exec {sleep}1;; esac\nexec /usr/bin/git "$@"\n'
    )
    (programs / "git").chmod(0o755)
    env = {**private, "PATH": f"{programs}:{runner.env['PATH']}"}
    with in_background(runner, "--progress", "plain", str(context), **env) as started:
        started.saw("it is 42")
        assert processes(f"{sleep}1"), "git is not asked as this test believes"
        started.signal(signal.SIGTERM)
        stopped(started, "private slow git", sleep, code=143)
        assert wait_until(lambda: not processes(f"{sleep}1"), 2)
