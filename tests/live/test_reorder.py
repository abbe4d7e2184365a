"""`fastbuild reorder` as a user runs it: files, git, exit codes, and proofs on a real engine."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import build, command, fastbuild, project
from tests.live.started import processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

BAD = """\
FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "app.py"]
"""
GOOD = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "app.py"]
"""
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")


def bad(folder: Path, dockerfile: str = BAD) -> Path:
    return project(folder, dockerfile, app_py="print()\n", requirements_txt="idna==3.7\n", README_md="x\n")


def git(folder: Path, *args: str) -> None:
    subprocess.run([*GIT, *args], cwd=folder, check=True, capture_output=True)


def commits(folder: Path, *, sources: int, requirements: int, documents: int) -> None:
    """A repository: the first commit adds all, others change one file each."""
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "all")
    for path, count in (("app.py", sources), ("requirements.txt", requirements), ("README.md", documents)):
        for number in range(count):
            with (folder / path).open("a") as file:
                file.write(f"# {number}\n")
            git(folder, "commit", "-q", "-a", "-m", f"{path} {number}")


def report(warm: Runner, *args: str) -> dict[str, Any]:
    done = fastbuild(warm, "reorder", "--format", "json", *args)
    assert done.stderr == b""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_shares_are_counted_in_git(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    (context / ".dockerignore").write_text("README.md\n.git\n")
    commits(context, sources=11, requirements=3, documents=5)
    found = report(warm, str(context))
    assert (found["basis"]["commits"], found["basis"]["assumed"]) == (20, False)
    (stage,) = found["stages"]
    steps = {step["instruction"]: step for step in stage["steps"]}
    install = steps["RUN pip install --no-cache-dir -r requirements.txt"]
    assert install["share_now"] == 0.75, "the README is not copied"
    assert install["share_after"] == 0.2
    assert install["freed_from"] == [{"instruction": "COPY . .", "line": 3, "share": 0.75}]
    assert found["dockerfile"] == GOOD
    fewer = report(warm, str(context), "--commits", "10")
    assert fewer["basis"]["commits"] == 10


@pytest.mark.parametrize("kind", ["none", "empty", "shallow", "elsewhere"])
def test_a_history_that_says_too_little_is_said(kind: str, warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    said = {
        "none": "the context is in no git repository",
        "empty": "git counts no commit that touches the context",
        "shallow": "git has only 4 that touch the context, 10 are needed; the clone is shallow",
        "elsewhere": "git counts no commit that touches the context",
    }
    if kind == "empty":
        git(context, "init", "-q")
    elif kind == "elsewhere":
        git(tmp_path, "init", "-q")
        git(tmp_path, "commit", "-q", "--allow-empty", "-m", "none")
    elif kind == "shallow":
        commits(context, sources=20, requirements=0, documents=0)
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "-q", "--depth", "4", context.as_uri(), str(clone))
        context = clone
    basis = report(warm, str(context))["basis"]
    assert (basis["assumed"], basis["commits"]) == (True, 0)
    assert basis["assumed_because"] == said[kind]


def test_a_build_makes_the_seconds_measured(runner: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    assert report(runner, str(context))["basis"]["measured_steps"] == 0
    assert build(runner, context).code == 0
    found = report(runner, str(context))
    assert found["basis"]["measured_steps"] == 2, "COPY and RUN"
    left_out = report(runner, str(context), "--no-history")
    assert left_out["basis"]["measured_steps"] == 0


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_write_writes_what_was_proposed_and_then_there_is_nothing_left(
    end: str, warm: Runner, tmp_path: Path
) -> None:
    context = bad(tmp_path / "app")
    dockerfile = context / "Dockerfile"
    dockerfile.write_bytes(BAD.replace("\n", end).encode())
    dockerfile.chmod(0o640)
    proposed = report(warm, str(context))
    done = fastbuild(warm, "reorder", str(context), "--write")
    assert done.returncode == 0
    assert done.stderr.decode() == f"fastbuild: wrote {dockerfile}\n"
    assert dockerfile.read_bytes() == proposed["dockerfile"].encode() == GOOD.replace("\n", end).encode()
    assert dockerfile.stat().st_mode & 0o7777 == 0o640
    names = sorted(path.name for path in context.iterdir())
    assert names == ["Dockerfile", "README.md", "app.py", "requirements.txt"]
    again = fastbuild(warm, "reorder", str(context), "--write", "--check")
    assert again.returncode == 0
    assert b"no better order found" in b" ".join(again.stdout.split())  # a long path wraps it
    assert again.stderr == b""


def test_the_diff_of_the_report_applies(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    found = json.loads(fastbuild(warm, "reorder", "--format", "json", cwd=context).stdout)
    subprocess.run(["git", "apply"], cwd=context, input=found["diff"].encode(), check=True)
    assert (context / "Dockerfile").read_text() == GOOD


def test_check_is_a_gate(warm: Runner, tmp_path: Path) -> None:
    assert fastbuild(warm, "reorder", "--check", str(bad(tmp_path / "bad"))).returncode == 1
    assert fastbuild(warm, "reorder", "--check", str(bad(tmp_path / "good", GOOD))).returncode == 0


def test_results_go_to_stdout_and_are_plain_without_a_terminal(warm: Runner, tmp_path: Path) -> None:
    done = fastbuild(warm, "reorder", str(bad(tmp_path / "app")), "--why")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert b"What holds each instruction" in done.stdout


def _on_a_terminal(runner: Runner, *args: str, **env: str) -> bytes:
    """What a terminal gets on standard output."""
    ours, theirs = pty.openpty()
    popen = subprocess.Popen(command(*args), env={**runner.env, **env}, cwd=runner.folder, stdout=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # a terminal whose last user is gone answers with EIO
        while data := os.read(ours, 65536):
            said += data
    os.close(ours)
    assert popen.wait(60) == 0
    return said


def test_a_terminal_gets_colours_unless_they_are_unwanted(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    coloured = _on_a_terminal(warm, "reorder", str(context), TERM="xterm", NO_COLOR="")
    assert b"\x1b[32m+COPY requirements.txt ./\x1b[0m" in coloured
    plain = _on_a_terminal(warm, "reorder", str(context), TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in plain
    assert b"\x1b" not in _on_a_terminal(warm, "reorder", str(context), "--format", "html")


def test_an_old_terminal_gets_what_it_can_show(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app", BAD.replace("WORKDIR", f"LABEL a={'ü' * 90}\nWORKDIR"))
    done = fastbuild(warm, "reorder", str(context), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_a_report_is_written_whole_or_not_at_all(form: str, warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    target = tmp_path / "out" / "report"
    refused = fastbuild(warm, "reorder", str(context), "--format", form, "--report", str(target))
    assert refused.returncode == 2
    assert not target.parent.exists()
    target.parent.mkdir()
    done = fastbuild(warm, "reorder", str(context), "--format", form, "--report", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    printed = fastbuild(warm, "reorder", str(context), "--format", form)
    assert target.read_bytes() == printed.stdout
    assert [path.name for path in target.parent.iterdir()] == ["report"]


def test_a_report_never_overwrites_the_dockerfile(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    (tmp_path / "link").symlink_to(context / "Dockerfile")
    for target in (context / "Dockerfile", tmp_path / "link"):
        done = fastbuild(warm, "reorder", str(context), "--report", str(target))
        assert done.returncode == 2
        assert (context / "Dockerfile").read_text() == BAD


def test_what_is_wrong_has_its_exit_code(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    for args, code in (
        ((str(tmp_path / "nowhere"),), 2),
        ((str(context), "-f", str(tmp_path / "nowhere")), 2),
        ((str(context), "--smoke", "true"), 2),
        ((str(context), "--format", "xml"), 2),
        ((str(context), "--commits", "0"), 2),
        (("https://example.com/repo.git",), 2),
        (("-",), 2),
        ((str(context), "-f", "-"), 2),
        ((str(context), "--report", "/proc/report"), 2),
    ):
        done = fastbuild(warm, "reorder", *args)
        assert (done.returncode, done.stdout) == (code, b""), args
        assert done.stderr.startswith(b"error: "), args
        assert b"Traceback" not in done.stderr
    (context / "Dockerfile").write_text("FROM busybox\nRUNN true\n")
    done = fastbuild(warm, "reorder", str(context))
    assert done.returncode == 4
    assert b"unknown instruction: RUNN" in done.stderr


def test_a_read_only_dockerfile_is_refused_before_anything_is_built(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    (context / "Dockerfile").chmod(0o444)
    done = fastbuild(warm, "reorder", str(context), "--write", "--prove", BUILDKIT_HOST="unix:///nowhere")
    if os.geteuid() == 0:  # to root nothing is read-only
        assert done.returncode == 3
    else:
        assert done.returncode == 2
    assert (context / "Dockerfile").read_text() == BAD


def test_paths_of_all_kinds(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "mein schöner ordner é\N{SNOWMAN}")
    outside = tmp_path / "build files" / "Dockerfile.ü"
    outside.parent.mkdir()
    shutil.move(context / "Dockerfile", outside)
    done = fastbuild(warm, "reorder", str(context), "-f", str(outside), "--write")
    assert done.returncode == 0, done.stderr
    assert outside.read_text() == GOOD
    inside = context / "Dockerfile.test"
    inside.write_text(BAD)
    found = report(warm, str(inside))
    assert found["changes"], "a Dockerfile as PATH has its directory as context"


def test_the_ignore_file_counts(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    (context / ".dockerignore").write_text("*.md\napp.py\nDockerfile\n.dockerignore\n")
    assert report(warm, str(context))["changes"] is False, "only requirements.txt is left"
    (context / "Dockerfile.dockerignore").write_text("*.md\n")
    assert report(warm, str(context))["changes"] is True


def test_a_link_stays_and_what_it_leads_to_is_written(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    (context / "Dockerfile").rename(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert fastbuild(warm, "reorder", str(context), "-f", str(tmp_path / "link"), "--write").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == GOOD


def test_prove_says_equivalent_and_write_writes(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    args = ("reorder", "--prove", "--write", "--smoke", "python -c 'import idna'", str(context))
    done = fastbuild(warm, *args, "--format", "json", FASTBUILD_ENGINE="private")
    assert done.returncode == 0, done.stderr.decode()
    proof = json.loads(done.stdout)["proof"]
    assert proof["verdict"] == "equivalent", proof
    assert [run["exit_code"] for run in proof["smoke"]] == [0, 0]
    assert all(seconds > 0 for seconds in proof["seconds"].values())
    assert (context / "Dockerfile").read_text() == GOOD
    assert b"proof 1/3: the original" in done.stderr
    assert fastbuild(warm, "history", "list").stdout == b"", "a proof is no build of the user's"


PACKAGES = "/usr/local/lib/python3.11/dist-packages"
LINKED_BASE = f"FROM python:3.11-slim\nRUN ln -s {PACKAGES} /app\n"
LINKED_APP = """\
FROM {base}
WORKDIR /work
COPY app.py /app/idna/__init__.py
RUN pip install --no-cache-dir idna==3.7
"""


def test_a_proof_that_fails_writes_nothing(warm: Runner, lab: Lab, tmp_path: Path) -> None:
    name = f"{lab.registry}/linked-base:1"
    base = project(tmp_path / "base", LINKED_BASE)
    with lab.buildkitd() as daemon:
        daemon.build(base, "--output", f"type=image,name={name},push=true")
    context = bad(tmp_path / "app", LINKED_APP.format(base=name))
    before = (context / "Dockerfile").read_text()
    found = report(warm, str(context))
    assert found["changes"] is False, "the model doesn't vouch for it"
    assert found["with_proof"]["doubts"]
    done = fastbuild(
        warm, "reorder", "--prove", "--write", str(context), "--format", "json", FASTBUILD_ENGINE="private"
    )
    assert done.returncode == 1, done.stderr.decode()
    proof = json.loads(done.stdout)["proof"]
    assert proof["verdict"] == "different", proof
    assert "not proved: different" in done.stderr.decode()
    assert [each["path"] for each in proof["differences"]] == [f"{PACKAGES}/idna/__init__.py"]
    assert (context / "Dockerfile").read_text() == before


def test_an_engine_that_is_down_ends_with_3(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app")
    host = "unix:///nowhere/buildkitd.sock"
    done = fastbuild(warm, "reorder", "--prove", "--write", str(context), BUILDKIT_HOST=host)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"fastbuild: proof 1/3"), done.stderr
    assert (context / "Dockerfile").read_text() == BAD


def test_a_broken_original_is_the_users_build_failure(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app", f"{BAD}RUN exit 7\n")
    done = fastbuild(warm, "reorder", "--prove", "--write", str(context), FASTBUILD_ENGINE="private")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"exit code: 7" in done.stderr
    assert (context / "Dockerfile").read_text() == f"{BAD}RUN exit 7\n"


def test_a_stage_that_the_build_does_not_reach_is_not_proved(warm: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app", f"{BAD.replace('slim', 'slim AS old', 1)}FROM busybox\nRUN true\n")
    done = fastbuild(warm, "reorder", "--prove", str(context), FASTBUILD_ENGINE="private")
    assert done.returncode == 2
    assert b"--target old" in done.stderr


def _started(runner: Runner, temporary: Path, *args: str) -> subprocess.Popen[bytes]:
    temporary.mkdir()
    return subprocess.Popen(
        command("reorder", *args),
        env={**runner.env, "TMPDIR": str(temporary), "FASTBUILD_ENGINE": "private"},
        cwd=runner.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_proof_leaves_nothing(number: int, runner: Runner, tmp_path: Path) -> None:
    text = BAD + f"RUN echo begun; sleep 78{number}\n"
    context = bad(tmp_path / "app", text)
    args = ("--prove", "--write", "--progress", "plain", "--report", str(tmp_path / "report"), str(context))
    with _started(runner, tmp_path / "tmp", *args) as popen:
        assert popen.stderr is not None
        assert any(line.endswith(b" begun\n") for line in popen.stderr)
        popen.send_signal(number)
        out, _ = popen.communicate(timeout=30)
    assert (popen.returncode, out) == (128 + number, b"")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (context / "Dockerfile").read_text() == text
    assert not (tmp_path / "report").exists()
    assert wait_until(lambda: not processes(f"sleep 78{number}"), 5)


def test_a_dockerfile_that_changed_meanwhile_is_not_overwritten(runner: Runner, tmp_path: Path) -> None:
    context = bad(tmp_path / "app", BAD + "RUN echo begun\n")
    (context / ".dockerignore").write_text("Dockerfile\n")
    args = ("--prove", "--write", "--progress", "plain", str(context))
    with _started(runner, tmp_path / "tmp", *args) as popen:
        assert popen.stderr is not None
        assert any(line.endswith(b" begun\n") for line in popen.stderr)
        (context / "Dockerfile").write_text("FROM busybox\n")
        _, said = popen.communicate(timeout=300)
    assert popen.returncode == 2, said.decode()
    assert b"has changed meanwhile; nothing was written" in said
    assert (context / "Dockerfile").read_text() == "FROM busybox\n"


def test_help_names_everything_on_one_screen(warm: Runner) -> None:
    said = fastbuild(warm, "reorder", "--help").stdout.decode()
    assert len(said.splitlines()) <= 30
    for flag in ("--prove", "--write", "--check", "--why", "--report", "--secret", "--target", "--file"):
        assert flag in said


def test_check_fails_when_a_new_member_of_a_workspace_is_in_no_line(warm: Runner, tmp_path: Path) -> None:
    dockerfile = """\
FROM node:20-slim
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/api/package.json ./packages/api/
RUN npm ci
COPY . .
"""
    lock = {"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}
    context = project(tmp_path / "app", dockerfile)
    (context / "package.json").write_text(
        '{"name": "shop", "version": "1.0.0", "workspaces": ["packages/*"]}'
    )
    (context / "package-lock.json").write_text(json.dumps(lock))
    for name in ("api", "web"):
        (context / "packages" / name).mkdir(parents=True)
        (context / "packages" / name / "package.json").write_text(f'{{"name": "{name}", "version": "1.0.0"}}')
        done = fastbuild(warm, "reorder", "--check", str(context))
        assert done.returncode == (1 if name == "web" else 0)
    assert done.stderr.decode() == (
        "fastbuild: line 5 runs before packages/web/package.json is copied; "
        "add before it: COPY packages/web/package.json ./packages/web/\n"
    )
