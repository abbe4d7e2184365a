"""Bad input and bad surroundings: one clear error, the right exit code, and nothing lost that was there."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.builders import environment
from tests.live.builds import APP, Built, build, command, fastbuild, project
from tests.live.started import in_background, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

PRIVATE = {"FASTBUILD_ENGINE": "private"}


@dataclass(frozen=True)
class Case:
    """What is given, and what must come: an exit code and words in the error."""

    args: tuple[str, ...]
    code: int
    says: tuple[str, ...]
    dockerfile: str | None = APP
    toml: str = ""


CASES = {
    "no Dockerfile": Case((), 2, ("there is no Dockerfile in",), dockerfile=None),
    "named Dockerfile absent": Case(("-f", "absent/Dockerfile"), 2, ("absent/Dockerfile",)),
    "Dockerfile is a directory": Case(("-f", "."), 2, ("Dockerfile",)),
    "empty Dockerfile": Case((), 4, ("empty",), dockerfile=""),
    "Dockerfile of comments": Case((), 4, ("no instructions",), dockerfile="# nothing\n\n"),
    "unknown instruction": Case(
        (), 4, ("unknown instruction: RUNN", "RUN"), dockerfile="FROM scratch\nRUNN true\n"
    ),
    "no FROM": Case((), 4, ("no build stage in current context",), dockerfile="RUN true\n"),
    "instruction without arguments": Case(
        (), 4, ("COPY requires at least two",), dockerfile="FROM scratch\nCOPY a\n"
    ),
    "unfinished heredoc": Case((), 4, ("unterminated heredoc",), dockerfile="FROM scratch\nRUN <<E\ntrue\n"),
    "base from an empty argument": Case((), 4, ("should not be blank",), dockerfile="ARG X\nFROM ${X}\n"),
    "unknown flag of an instruction": Case(
        (), 4, ("unknown flag: --form",), dockerfile="FROM scratch\nCOPY --form=a b /\n"
    ),
    "stages in a circle": Case(
        (),
        4,
        ("circular dependency",),
        dockerfile="FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /\n",
    ),
    "unknown modifier": Case((), 1, ("unsupported modifier",), dockerfile="FROM scratch\nCOPY ${X:q} /\n"),
    "unknown stage": Case(("--target", "absent"), 1, ("absent",)),
    "copy of a missing file": Case(
        (),
        1,
        ("failed to calculate checksum of ref", '"/absent": not found'),
        dockerfile="FROM scratch\nCOPY absent /\n",
    ),
    "a step that fails": Case(
        (),
        1,
        ("did not complete successfully: exit code: 7",),
        dockerfile="FROM busybox:latest\nRUN exit 7\n",
    ),
    "unknown base": Case((), 1, ("absent/image",), dockerfile="FROM absent/image:1\n"),
    "unknown flag": Case(("--tgas", "x"), 2, ("--tgas", "--tag")),
    "flag without a value": Case(("--tag",), 2, ("--tag",)),
    "two contexts": Case(("other",), 2, ("unexpected extra argument",)),
    "bad tag": Case(("-t", "UPPER CASE"), 2, ("UPPER CASE",)),
    "bad platform": Case(("--platform", "what/ever/is/this"), 2, ("what/ever",)),
    "missing secret file": Case(("--secret", "id=x,src=absent"), 2, ("--secret x", "absent")),
    "bad output": Case(("-o", "type=nothing,dest=x"), 2, ("nothing",)),
    "bad size": Case(("--shm-size", "64q"), 2, ("--shm-size",)),
    "missing named context": Case(("--build-context", "x=absent"), 2, ("absent",)),
    "unknown progress": Case(("--progress", "loud"), 2, ("loud", "plain")),
    "unknown engine": Case(("--engine", "dokcer"), 2, ("dokcer",)),
    "cache of no kind": Case(("--cache", "s4://bucket/x"), 2, ("s4",)),
    "cache option mistyped": Case(("--cache", "s3://bucket/x?regoin=y"), 2, ("regoin", "region")),
    "raw cache option mistyped": Case(("--cache-to", "type=s3,buckt=x,region=y"), 2, ("buckt", "bucket")),
    "raw cache without a type": Case(("--cache-to", "bucket=x"), 2, ("type",)),
    "unwritable record": Case(("--record", "absent/folder/r.json"), 2, ("absent/folder/r.json",)),
    "unwritable iidfile": Case(("--iidfile", "absent/folder/iid"), 2, ("absent/folder/iid",)),
    "unwritable metadata": Case(("--metadata-file", "absent/folder/m"), 2, ("absent/folder/m",)),
    "unknown setting": Case((), 2, ("cahce", "cache"), toml='cahce = "s3://b/p"\n'),
    "setting of the wrong kind": Case((), 2, ("engine_idle",), toml='engine_idle = "soon"\n'),
    "broken settings": Case((), 2, ("fastbuild.toml",), toml="cache = \n"),
}


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lower().startswith("error")]


def one_error(done: subprocess.CompletedProcess[bytes] | Built, code: int, *says: str) -> str:
    """The error's text: exactly one, no traceback, the exit code, all that it must say."""
    if isinstance(done, Built):
        text, got = done.err, done.code
    else:
        text, got = done.stderr.decode(), done.returncode
    assert got == code, text
    assert "Traceback" not in text
    assert len(errors(text)) == 1, text
    for words in says:
        assert words in text
    return text


@pytest.mark.parametrize("name", CASES)
def test_one_error_and_the_right_code(warm: Runner, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    context = project(tmp_path / "app", case.dockerfile or "")
    if case.dockerfile is None:
        (context / "Dockerfile").unlink()
    if case.toml:
        (tmp_path / "fastbuild.toml").write_text(case.toml)
    kept = {}
    for flag in ("record", "iidfile", "metadata-file"):
        kept[flag] = tmp_path / flag
        kept[flag].write_text("of the last build\n")
    files = [w for f, p in kept.items() if f"--{f}" not in case.args for w in (f"--{f}", str(p))]
    words = ("build", *files, str(context), *case.args)
    done = fastbuild(warm, *words, cwd=tmp_path, **(PRIVATE if "--engine" not in case.args else {}))
    one_error(done, case.code, *case.says)
    assert kept["iidfile"].read_text() == "of the last build\n"
    assert kept["metadata-file"].read_text() == "of the last build\n"
    if kept["record"].read_text() != "of the last build\n":
        assert json.loads(kept["record"].read_text())["result"] == "failed"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_command_and_a_flag_that_do_not_exist(warm: Runner) -> None:
    one_error(fastbuild(warm, "biuld", "."), 2, "biuld", "build")
    one_error(fastbuild(warm, "--verison"), 2, "--verison", "--version")
    one_error(fastbuild(warm, "build"), 2, "PATH")
    one_error(fastbuild(warm, "build", "absent-folder"), 2, "absent-folder")


def test_a_missing_file_is_not_tried_again(warm: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM scratch\nCOPY absent /\n")
    done = build(warm, context, "--cache", f"local:{tmp_path}/cache", **PRIVATE)
    one_error(done, 1)
    assert done.err.count("[1/1] COPY absent /\n") <= 2, done.err  # its line, and in the error
    assert not any("again" in note for note in done.notes())


def test_the_engine_s_words_are_unchanged(lab: Lab, warm: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM busybox:latest\nRUN echo before; exit 7\n")
    with lab.buildkitd() as daemon:
        env = {"FASTBUILD_ENGINE": "buildctl", "BUILDKIT_HOST": daemon.address}
        ours = build(warm, context, **env)
        theirs = daemon.buildctl(
            *("build", "--frontend=dockerfile.v0", "--local", f"context={context}"),
            *("--local", f"dockerfile={context}", "--progress=rawjson"),
        )
    said = "\n".join(line for line in theirs.stderr.splitlines() if not line.startswith("{"))
    assert said.strip()
    assert said.strip() in ours.err


def test_a_context_that_can_t_be_read(warm: Runner, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    one_error(fastbuild(warm, "build", str(file), **PRIVATE), 2, str(file))


@pytest.fixture
def nobody(lab: Lab) -> Iterator[Runner]:
    """A runner that belongs to an ordinary user."""
    with lab.runner() as fresh:
        shutil.copy(lab.tools.buildctl, fresh.folder / "buildctl")  # the installed one is root's alone
        subprocess.run(["chown", "-R", "65534:65534", str(fresh.folder)], check=True)
        yield fresh


def as_nobody(runner: Runner, *args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """fastbuild as an ordinary user, on a remote engine: a rootless one needs more than a user."""
    python, path = python_of_everyone()
    programs = cwd / "bin"
    programs.mkdir(exist_ok=True)
    if not (programs / "buildctl").exists():
        shutil.copy(runner.folder / "buildctl", programs)
    return subprocess.run(
        [python, "-m", "fastbuild", *args],
        env={**runner.env, "PYTHONPATH": path, **env, "PATH": f"{programs}:{runner.env['PATH']}"},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        user=65534,
        group=65534,
        extra_groups=[],
    )


@functools.cache
def python_of_everyone() -> tuple[str, str]:
    """A Python that an ordinary user can run, and its PYTHONPATH; skips the test where there is none."""
    import click

    here, packages = Path(__file__).parents[2], Path(click.__file__).parents[1]
    same = f"import sys, fastbuild.cli, xxhash; assert sys.version_info[:2] == {sys.version_info[:2]}"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        path = f"{here}:{packages}"
        with contextlib.suppress(OSError):
            argv = [python, "-c", same]
            env = {"PYTHONPATH": path}
            tried = subprocess.run(
                argv, env=env, cwd="/", capture_output=True, user=65534, group=65534, extra_groups=[]
            )
            if tried.returncode == 0:
                return python, path
    pytest.skip("an ordinary user can't run this Python")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that every user can get into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix="fbn-", dir="/tmp") as made:
        Path(made).chmod(0o777)
        yield Path(made)


def test_an_ordinary_user_who_may_not_read_or_write(lab: Lab, nobody: Runner, open_folder: Path) -> None:
    context = project(open_folder / "app")
    (context / "hidden").mkdir(mode=0o700)
    with lab.buildkitd() as daemon:
        daemon.socket.chmod(0o666)
        daemon.folder.chmod(0o755)
        env = {"FASTBUILD_ENGINE": "buildctl", "BUILDKIT_HOST": daemon.address, "TMPDIR": str(open_folder)}
        done = as_nobody(nobody, "build", str(context), cwd=open_folder, **env)
        one_error(done, 2, str(context / "hidden"), ".dockerignore")
        (context / ".dockerignore").write_text("hidden\n")
        done = as_nobody(nobody, "build", str(context), cwd=open_folder, **env)
        assert done.returncode == 0, done.stderr.decode()
        (context / ".dockerignore").unlink()
        (context / "hidden").rmdir()
        (context / "app.txt").chmod(0o600)
        done = as_nobody(nobody, "build", str(context), cwd=open_folder, **env)
        one_error(done, 2, str(context / "app.txt"), ".dockerignore")  # BuildKit would send an empty file
        (context / "app.txt").chmod(0o644)
        (context / "local.key").write_text("k")
        (context / "local.key").chmod(0o600)
        (context / ".dockerignore").write_text("*.key\n")
        done = as_nobody(nobody, "build", str(context), cwd=open_folder, **env)
        assert done.returncode == 0, done.stderr.decode()
        (context / "Dockerfile").chmod(0o600)
        done = as_nobody(nobody, "build", str(context), cwd=open_folder, **env)
        assert "Traceback" not in done.stderr.decode()
        assert done.returncode in (1, 2), done.stderr.decode()
        assert len(errors(done.stderr.decode())) == 1
        (context / "Dockerfile").chmod(0o644)
        locked = open_folder / "locked"
        locked.mkdir(mode=0o755)
        done = as_nobody(nobody, "build", "--record", f"{locked}/r", str(context), cwd=open_folder, **env)
        one_error(done, 2, f"{locked}/r", "ermission denied")


@contextlib.contextmanager
def tiny(folder: Path) -> Iterator[Path]:
    """A file system of 16 KiB."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.mark.parametrize("flag", ["--record", "--iidfile", "--metadata-file"])
def test_a_full_disk_keeps_the_old_result_file(warm: Runner, tmp_path: Path, flag: str) -> None:
    context = project(tmp_path / "app")
    with tiny(tmp_path / "full") as full:
        target = full / "result"
        target.write_text("of the last build\n")
        fill(full)
        done = fastbuild(warm, "build", flag, str(target), str(context), **PRIVATE)
        one_error(done, 2, str(target), "No space left on device")
        assert target.read_text() == "of the last build\n"
        assert sorted(p.name for p in full.iterdir()) == ["filler", "result"]


def test_a_full_disk_under_the_history_fails_nothing(warm: Runner, runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    assert build(runner, context, **PRIVATE).code == 0
    state = runner.folder / "state" / "fastbuild"
    before = state / "history.sqlite"
    data = before.read_bytes()
    before.unlink()
    with tiny(tmp_path / "full") as full:
        # a link in its place: a file system of its own for the history alone
        (full / "history.sqlite").write_bytes(data[: 16 << 10])
        before.symlink_to(full / "history.sqlite")
        fill(full)
        done = build(runner, context, "-o", str(tmp_path / "out"), **PRIVATE)
    assert done.code == 0, done.err
    assert done.err.count("not in the history") == 1
    assert errors(done.err) == []
    assert (tmp_path / "out/built.txt").read_text() == "one\n"


def test_a_damaged_history_fails_nothing(runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    state = runner.folder / "state" / "fastbuild"
    state.mkdir(mode=0o700)
    (state / "history.sqlite").write_text("not a database\n" * 100)
    done = build(runner, context, **PRIVATE)
    assert done.code == 0, done.err
    assert done.err.count("not in the history") == 1
    assert (state / "history.sqlite").read_text().startswith("not a database"), "it was overwritten"


def test_a_state_directory_that_is_full(lab: Lab, runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    with lab.buildkitd() as daemon, tiny(runner.folder / "state") as full:
        fill(full)
        env = {"FASTBUILD_ENGINE": "buildctl", "BUILDKIT_HOST": daemon.address}
        done = build(runner, context, "-o", str(tmp_path / "out"), **env)
        assert "Traceback" not in done.err
        if done.code:
            one_error(done, 2, "No space left on device")


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_any_umask(runner: Runner, tmp_path: Path, umask: int) -> None:
    context = project(tmp_path / "with space and ümläut – 漢", APP)
    record, iid = tmp_path / "rec ord.json", tmp_path / "iid ü"
    done = subprocess.run(
        command(
            "build",
            "--record",
            str(record),
            "--iidfile",
            str(iid),
            "-o",
            str(tmp_path / "o ut"),
            str(context),
        ),
        env={**runner.env, **PRIVATE},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        umask=umask,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "o ut/built.txt").read_text() == "one\n"
    assert json.loads(record.read_text())["context"] == str(context)
    for folder in ("state", "run", "data", "cache"):
        made = runner.folder / folder / "fastbuild"
        if folder != "data":
            assert stat.S_IMODE(made.stat().st_mode) == 0o700, made
    history = runner.folder / "state/fastbuild/history.sqlite"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_a_home_that_can_t_be_written(lab: Lab, nobody: Runner, open_folder: Path) -> None:
    context = project(open_folder / "app")
    home = open_folder / "home"
    home.mkdir(mode=0o555)
    bare = {k: v for k, v in nobody.env.items() if not k.startswith("XDG_")}
    runner = type(nobody)(nobody.folder, bare)
    with lab.buildkitd() as daemon:
        daemon.socket.chmod(0o666)
        daemon.folder.chmod(0o755)
        env = {"FASTBUILD_ENGINE": "buildctl", "BUILDKIT_HOST": daemon.address}
        env |= {"HOME": str(home), "TMPDIR": str(open_folder)}
        done = as_nobody(runner, "build", str(context), cwd=open_folder, **env)
    assert done.returncode == 0, done.stderr.decode()
    assert errors(done.stderr.decode()) == []
    assert list(home.iterdir()) == []


def test_no_terminal_no_colour_no_encoding(warm: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM busybox:latest\nRUN echo grüße; exit 1\n")
    env = {**PRIVATE, "NO_COLOR": "1", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = fastbuild(warm, "build", str(context), **env)
    assert done.returncode == 1
    assert b"\x1b" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"exit code: 1" in done.stderr


def test_standard_error_that_is_closed_stops_no_build(warm: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command("build", "-o", str(tmp_path / "out"), str(context)),
            env={**warm.env, **PRIVATE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writing,
            cwd=tmp_path,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert (tmp_path / "out/built.txt").read_text() == "one\n"


@pytest.mark.parametrize(
    "address", ["unix:///nowhere/buildkitd.sock", "tcp://127.0.0.1:1", "nonsense", "kube-pod://absent"]
)
def test_an_engine_that_is_not_there(warm: Runner, tmp_path: Path, address: str) -> None:
    context = project(tmp_path / "app")
    done = build(warm, context, BUILDKIT_HOST=address)
    one_error(done, 3, "doctor")


def ours(left: list[str]) -> list[str]:
    return [name for name in left if not name.startswith("buildkit-mount")]


@pytest.mark.parametrize("engine", ["private", "buildctl", "buildx"])
def test_an_engine_that_is_killed_in_the_middle(
    lab: Lab, runner: Runner, tmp_path: Path, engine: str
) -> None:
    context = project(tmp_path / "app", "FROM busybox:latest\nRUN echo it is $((20 + 22)); sleep 30\n")
    iid = tmp_path / "iid"
    iid.write_text("old")
    with lab.buildkitd() as daemon:
        env = environment(engine, daemon, runner)
        args = ("--progress", "plain", "--iidfile", str(iid), str(context))
        with in_background(runner, *args, **env) as started:
            started.saw("it is 42")
            if engine == "private":
                record = json.loads((runner.folder / "state/fastbuild/engine/record.json").read_text())
                os.kill(record["pid"], signal.SIGKILL)
            else:
                threading.Thread(target=daemon.kill).start()
            code, _ = started.end()
            text = started.text
            assert code == 3, text
            assert len(errors(text)) == 1, text
            assert "Traceback" not in text
            assert "doctor" in text
            assert started.written()["result"] == "failed"
            # what the engine has mounted for a moment is its own, and it was killed
            assert wait_until(lambda: not ours(started.left()), 1), started.left()
    assert iid.read_text() == "old"
    if engine == "private":  # the next build starts it anew
        project(context)
        assert build(runner, context, **env).code == 0
