"""The private engine, started for real; some tests need root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.engines import daemon, starting, supervisor, toolchain
from fastbuild.engines.daemon_settings import DaemonSettings
from fastbuild.errors import EngineError, UsageError
from fastbuild.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

REPOSITORY = Path(__file__).parents[2]
SECRET = "sEcReT0123456789sEcReT"
START = """
import os, sys
from pathlib import Path
from fastbuild.engines import daemon, toolchain
from fastbuild.engines.daemon_settings import DaemonSettings
from fastbuild.paths import Paths
paths = Paths.from_environ(os.environ, os.getuid())
tools = toolchain.find(paths, os.environ)
settings = DaemonSettings(paths=paths, toolchain=tools, idle_seconds=60)
running = daemon.ensure_running(settings, os.environ)
print(running.pid, running.address, flush=True)
"""


@pytest.fixture(autouse=True)
def _tools_of_the_lab(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", lab.tools.path())


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fb-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def settings(home: Path) -> Iterator[DaemonSettings]:
    paths = Paths.from_environ({"FASTBUILD_HOME": str(home)}, os.getuid())
    tools = toolchain.find(paths, os.environ)
    assert tools is not None
    settings = DaemonSettings(paths=paths, toolchain=tools, idle_seconds=60)
    yield settings
    daemon.stop(settings)


def build(settings: DaemonSettings, home: Path, *more: str) -> str:
    context = home / "context"
    context.mkdir(exist_ok=True)
    if not (context / "Dockerfile").exists():
        steps = "".join(f"COPY f{n} /f{n}\n" for n in range(5))
        (context / "Dockerfile").write_text("FROM scratch\n" + steps)
        for n in range(5):
            (context / f"f{n}").write_text(f"{n}\n")
    client = (str(settings.toolchain.buildctl), "--addr", f"unix://{settings.paths.socket}")
    frontend = ("--frontend", "dockerfile.v0", "--local", f"context={context}")
    argv = (*client, "build", "--progress=plain", *frontend, "--local", f"dockerfile={context}", *more)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


def environ_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: supervisor.process_started(pid) is None)


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_it_starts_once_and_is_then_found(settings: DaemonSettings) -> None:
    first = daemon.ensure_running(settings, os.environ)
    assert first.store_was_empty
    first.lease.release()
    again = daemon.ensure_running(settings, os.environ)
    assert again.pid == first.pid
    again.lease.release()
    assert daemon.status(settings).running
    assert daemon.stop(settings)
    assert not daemon.stop(settings)
    assert not daemon.status(settings).running


def test_ten_callers_start_one_engine(settings: DaemonSettings, home: Path) -> None:
    environ = {**os.environ, "FASTBUILD_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    callers = [
        subprocess.Popen((sys.executable, "-c", START), env=environ, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    answers = {caller.communicate(timeout=60)[0] for caller in callers}
    assert all(caller.returncode == 0 for caller in callers)
    assert len(answers) == 1
    assert answers.pop().split()[1] == f"unix://{settings.paths.socket}"


def test_the_callers_pipe_is_not_kept_open(settings: DaemonSettings, home: Path) -> None:
    environ = {**os.environ, "FASTBUILD_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(  # returns at the end of the pipes, not of the process alone
        (sys.executable, "-c", START), env=environ, capture_output=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    assert daemon.status(settings).running


def test_a_killed_engine_comes_back_with_its_cache(settings: DaemonSettings, home: Path) -> None:
    first = daemon.ensure_running(settings, os.environ)
    assert build(settings, home).count("CACHED") == 0
    kill(first.pid)
    first.lease.release()
    second = daemon.ensure_running(settings, os.environ)
    assert second.pid != first.pid
    assert not second.store_was_empty
    assert build(settings, home).count("CACHED") == 5
    second.lease.release()


def test_engine_and_supervisor_killed(settings: DaemonSettings) -> None:
    first = daemon.ensure_running(settings, os.environ)
    first.lease.release()
    record = json.loads(settings.record.read_text())
    for pid in (record["supervisor"], record["pid"]):
        kill(pid)
    second = daemon.ensure_running(settings, os.environ)
    assert second.pid != first.pid
    second.lease.release()


def test_a_killed_supervisor_is_replaced(settings: DaemonSettings) -> None:
    settings = replace(settings, idle_seconds=1.0)
    first = daemon.ensure_running(settings, os.environ)
    kill(json.loads(settings.record.read_text())["supervisor"])
    first.lease.release()
    second = daemon.ensure_running(settings, os.environ)
    assert second.pid == first.pid
    second.lease.release()
    assert until(lambda: supervisor.process_started(first.pid) is None), "it is not stopped when idle"


def test_it_stops_when_idle_but_not_under_a_lease(settings: DaemonSettings) -> None:
    settings = replace(settings, idle_seconds=0.5)
    running = daemon.ensure_running(settings, os.environ)
    time.sleep(1.5)
    assert daemon.status(settings).in_use
    running.lease.release()
    assert until(lambda: not daemon.status(settings).running)
    again = daemon.ensure_running(settings, os.environ)
    assert again.pid != running.pid
    again.lease.release()


def test_callers_never_meet_an_engine_that_stops(settings: DaemonSettings) -> None:
    """Ask again and again about the moment it stops for idleness: each answer must be alive."""
    settings = replace(settings, idle_seconds=0.2)
    pids = set()
    for number in range(30):
        running = daemon.ensure_running(settings, os.environ)
        pids.add(running.pid)
        time.sleep(0.05)
        assert starting.answers(str(settings.paths.socket), 1)
        running.lease.release()
        time.sleep(0.19 + number % 10 / 100)
    assert len(pids) > 1


def test_changed_settings_restart_an_idle_engine(settings: DaemonSettings, home: Path) -> None:
    first = daemon.ensure_running(settings, os.environ)
    config = home / "buildkitd.toml"
    config.write_text("debug = true\n")
    changed = replace(settings, config=config)
    busy = daemon.ensure_running(changed, os.environ)
    assert (busy.pid, bool(busy.note)) == (first.pid, True)
    first.lease.release()
    busy.lease.release()
    second = daemon.ensure_running(changed, os.environ)
    assert (second.pid != first.pid, second.note) == (True, "")
    second.lease.release()


def test_a_bad_configuration_is_told(settings: DaemonSettings, home: Path) -> None:
    config = home / "buildkitd.toml"
    config.write_text("[")
    with pytest.raises(UsageError, match="not valid TOML"):
        daemon.ensure_running(replace(settings, config=config), os.environ)
    config.write_text('[worker.oci]\nsnapshotter = "nonsense"\n')
    with pytest.raises(EngineError, match="last words") as caught:
        daemon.ensure_running(replace(settings, config=config), os.environ)
    assert "nonsense" in str(caught.value)
    daemon.ensure_running(settings, os.environ).lease.release()


def test_nothing_of_the_job_stays_in_the_engine(settings: DaemonSettings) -> None:
    job = {"AWS_SECRET_ACCESS_KEY": SECRET, "GITHUB_TOKEN": SECRET, "RUNNER_TRACKING_ID": "x"}
    running = daemon.ensure_running(settings, {**os.environ, **job})
    for pid in (running.pid, json.loads(settings.record.read_text())["supervisor"]):
        found = environ_of(pid)
        assert SECRET not in found.values()
        assert "RUNNER_TRACKING_ID" not in found
        assert found["AWS_EC2_METADATA_DISABLED"] == "true"
    running.lease.release()


def test_a_large_log_is_set_aside(settings: DaemonSettings) -> None:
    settings.paths.ensure()
    settings.folder.mkdir(mode=0o700)
    with settings.log.open("wb") as file:
        file.truncate(starting.LARGEST_LOG + 1)
    daemon.ensure_running(settings, os.environ).lease.release()
    assert settings.log.stat().st_size < 100_000
    assert settings.log.with_suffix(".log.1").stat().st_size > starting.LARGEST_LOG


@pytest.fixture
def s3(home: Path) -> Iterator[str]:
    """A real S3 server with the bucket `bucket`; the key is `key` and the secret SECRET."""
    server = shutil.which("versitygw")
    if server is None:
        pytest.skip("no versitygw on PATH")
    (home / "s3" / "bucket").mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "ROOT_ACCESS_KEY": "key", "ROOT_SECRET_KEY": SECRET}
    argv = (server, "--port", f"127.0.0.1:{port}", "posix", str(home / "s3"))
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            assert until(lambda: _listens(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # on TERM it waits 10 s for idle connections


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_credentials_change_without_a_restart_and_leave_no_trace(
    settings: DaemonSettings, home: Path, s3: str
) -> None:
    spec = f"type=s3,bucket=bucket,region=us-east-1,use_path_style=true,endpoint_url={s3},name="
    running = daemon.ensure_running(settings, os.environ)
    argvs, done = set[str](), threading.Event()

    def watch() -> None:
        while not done.is_set():
            argvs.update(_command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()

    def exports(name: str) -> bool:
        build(settings, home, "--export-cache", f"{spec}{name},mode=max,ignore-error=true")
        return (home / "s3" / "bucket" / "manifests" / name).exists()

    try:
        daemon.hand_over(settings, ("key", "wrong" + SECRET[::-1], None))
        assert not exports("wrong")
        daemon.hand_over(settings, ("key", SECRET, None))
        assert exports("right")
        file = settings.credentials
        assert file.stat().st_mode & 0o777 == 0o600
        daemon.hand_over(settings, None)
        assert SECRET not in file.read_text()
        assert not exports("none")
        daemon.hand_over(settings, ("key", SECRET, None))
        assert exports("again")
    finally:
        done.set()
        watcher.join()
    client = (str(settings.toolchain.buildctl), "--addr", running.address)
    history = subprocess.run((*client, "debug", "histories"), capture_output=True, text=True).stdout
    stored = b"".join(f.read_bytes() for f in settings.root.rglob("*") if f.is_file())
    for trace in (history, settings.log.read_text(), "\n".join(argvs), stored.decode("latin-1")):
        assert SECRET not in trace
    assert any("--export-cache" in argv for argv in argvs)
    assert SECRET not in str(environ_of(running.pid))
    running.lease.release()


def _command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue


@pytest.mark.skipif(os.getuid() != 0, reason="makes an ordinary user")
def test_an_ordinary_user_gets_a_rootless_engine(settings: DaemonSettings) -> None:
    """As a user with a range of ids; and the error that names the fix for one without."""
    if not shutil.which("rootlesskit") or not shutil.which("useradd"):
        pytest.skip("no rootlesskit or useradd")
    name = f"fbtest{os.getpid()}"
    subprocess.run(("useradd", "-m", name), check=True)
    with tempfile.TemporaryDirectory(prefix="fb-", dir="/tmp") as shared:
        try:
            _rootless(settings, name, Path(shared))
        finally:
            subprocess.run(("userdel", "-r", name), capture_output=True)


def _rootless(settings: DaemonSettings, name: str, shared: Path) -> None:
    shared.chmod(0o755)
    for program in (settings.toolchain.buildkitd, settings.toolchain.buildctl):
        shutil.copy(program, shared)
    shutil.copytree(REPOSITORY / "fastbuild", shared / "fastbuild")
    (shared / "start.py").write_text(START + "running.lease.release()\n")
    (shared / "context").mkdir()
    shutil.copy(settings.toolchain.buildctl, shared / "context" / "program")
    run = 'FROM scratch\nCOPY program /\nRUN ["/program", "--version"]\n'
    (shared / "context" / "Dockerfile").write_text(run)
    stop = "print(daemon.status(settings), daemon.stop(settings))"
    (shared / "stop.py").write_text(START.partition("running =")[0] + stop)
    python = os.path.realpath(sys.executable)
    python = python if _readable_by_others(python) else "/usr/bin/python3"
    prepare = f"cd {shared}; export PATH={shared}:$PATH PYTHONPATH={shared}; exec "

    def as_user_runs(line: str) -> subprocess.CompletedProcess[str]:
        argv = ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--reset-env")
        return subprocess.run((*argv, "sh", "-c", prepare + line), capture_output=True, text=True, timeout=60)

    def as_user(script: str) -> subprocess.CompletedProcess[str]:
        return as_user_runs(f"{python} {shared}/{script}")

    tables = {file: file.read_text() for file in (Path("/etc/subuid"), Path("/etc/subgid"))}
    try:
        for file, text in tables.items():
            kept = (line for line in text.splitlines(True) if not line.startswith(f"{name}:"))
            file.write_text("".join(kept))
        refused = as_user("start.py")
        assert "range of ids" in refused.stderr
        for file in tables:
            with file.open("a") as table:
                table.write(f"{name}:300000:65536\n")
        started = as_user("start.py")
        assert started.returncode == 0, started.stderr
        pid = int(started.stdout.split()[0])
        assert b"rootlesskit" in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert Path(f"/proc/{pid}").stat().st_uid != 0
        client = f"buildctl --addr {started.stdout.split()[1]} build --frontend dockerfile.v0"
        built = as_user_runs(f"{client} --local context=context --local dockerfile=context")
        assert built.returncode == 0, built.stderr
        stopped = as_user("stop.py")
        assert stopped.stdout.rstrip().endswith("True"), stopped.stderr
        assert until(lambda: supervisor.process_started(pid) is None)
    finally:
        for file, text in tables.items():
            file.write_text(text)


def _readable_by_others(program: str) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (Path(program), *Path(program).parents))
