"""`build --trace-reads`: real engine, real strace; what each RUN did is known from what it was told to do."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fastbuild.pipeline.trace_reads import TWICE
from fastbuild.tracing.reads import RunReads
from tests.live.builders import remote_builder
from tests.live.builds import build, fastbuild
from tests.live.started import in_background, processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.builds import Built

pytestmark = pytest.mark.live

TRACE = ("--engine", "private", "--trace-reads")


def context(folder: Path, dockerfile: str, files: dict[str, str]) -> Path:
    """A build context; a file whose text begins with `#!` can be executed."""
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        if text.startswith("#!"):
            (folder / name).chmod(0o755)
    return folder


def kept(runner: Runner) -> dict[int, RunReads]:
    """All evidence that is stored, by line."""
    folder = runner.folder / "state/fastbuild/reads"
    found = (
        [RunReads.from_json(file.read_text()) for file in folder.glob("*.json")] if folder.exists() else []
    )
    return {reads.line: reads for reads in found}


def below(paths: tuple[str, ...], folder: str) -> set[str]:
    return {path for path in paths if path.startswith(folder + "/")}


def traced(runner: Runner, folder: Path, *args: str) -> tuple[Built, dict[int, RunReads]]:
    done = build(runner, folder, *TRACE, *args)
    assert done.code == 0, done.err
    print(*said(done), sep="\n")  # shown where a test fails
    return done, kept(runner)


def said(done: Built) -> list[str]:
    return [note for note in done.notes() if note.startswith("reads: ")]


def test_what_a_run_reads_misses_lists_and_writes(runner: Runner, tmp_path: Path) -> None:
    commands = (
        "cat a.txt; test -e missing; ls lib >/dev/null; (cd lib && cat deep/x > ../out.txt); ./hello.sh"
    )
    folder = context(
        tmp_path / "context",
        f"FROM busybox\nWORKDIR /app\nCOPY . .\nRUN {commands}\n",
        {
            "a.txt": "a",
            "b.txt": "b",
            "lib/deep/x": "x",
            "lib/y": "y",
            "hello.sh": "#!/app/run\n",
            "run": "#!/bin/sh\n",
        },
    )
    done, evidence = traced(runner, folder)
    reads = evidence[4]
    assert said(done) == ["reads: evidence for 1 of 1 RUN steps"]
    assert (reads.cwd, reads.user, reads.instruction) == ("/app", "0:0", f"RUN {commands}")
    assert reads.args == ("/bin/sh", "-c", commands)
    files = {"/app/a.txt", "/app/lib/deep/x", "/app/lib/y", "/app/hello.sh", "/app/run"}
    assert below(reads.read, "/app") - {"/app/lib", "/app/lib/deep"} == files
    assert below(reads.absent, "/app") == {"/app/missing", "/app/out.txt"}
    assert "/app/lib" in reads.listed
    assert dict(zip(reads.listed, reads.entries, strict=True))["/app/lib"] == ("deep", "y")
    assert set(reads.written) == {"/app/out.txt"}
    assert not any("=" in name for name in reads.env)


def test_parallel_stages_are_told_apart(runner: Runner, tmp_path: Path) -> None:
    stage = "FROM busybox AS s{0}\nCOPY f{0} /f{0}\nRUN for n in 1 2 3 4 5; do cat /f{0} >/dev/null; done\n"
    copies = "".join(f"COPY --from=s{n} /f{n} /\n" for n in range(4))
    text = "".join(stage.format(n) for n in range(4)) + "FROM busybox\n" + copies
    folder = context(tmp_path / "context", text, {f"f{n}": "x" for n in range(4)})
    _, evidence = traced(runner, folder)
    found = {line: {path for path in reads.read if path[:2] == "/f"} for line, reads in evidence.items()}
    assert found == {3: {"/f0"}, 6: {"/f1"}, 9: {"/f2"}, 12: {"/f3"}}


def test_a_failing_run_fails_as_ever_and_leaves_no_evidence(runner: Runner, tmp_path: Path) -> None:
    text = "FROM busybox\nRUN echo fine > /fine\nRUN echo own words >&2; exit 3\n"
    folder = context(tmp_path / "context", text, {})
    plain = build(runner, folder, "--engine", "private")
    done = build(runner, folder, *TRACE)
    assert (done.code, plain.code) == (1, 1)
    assert "exit code: 3" in done.err
    assert "own words" in done.err
    assert "strace" not in done.err
    assert kept(runner) == {}


def test_a_run_that_fails_only_when_traced_costs_its_evidence_alone(runner: Runner, tmp_path: Path) -> None:
    text = "FROM busybox\nRUN cat /etc/passwd\nRUN grep -q 'NoNewPrivs:.*0' /proc/self/status\n"
    done, evidence = traced(runner, context(tmp_path / "context", text, {}))
    assert set(evidence) == {2}
    assert any(note.startswith("reads: the build failed there: ") for note in said(done))
    assert "reads: line 3: no evidence, for the RUN failed" in said(done)


def test_a_run_of_another_user_keeps_its_setuid_programs(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim\n"
        "RUN cp /bin/cat /cat && chmod 4755 /cat && echo hidden > /hidden && chmod 400 /hidden\n"
        "USER 1000\nRUN grep -q 'NoNewPrivs:.*0' /proc/self/status && /cat /hidden\n"
    )
    _, evidence = traced(runner, context(tmp_path / "context", text, {}))
    assert evidence[4].user == "1000:0"
    assert "/hidden" in evidence[4].read


IMPATIENT = """\
from fastbuild.pipeline import trace_reads
trace_reads.PATIENCE, trace_reads.SLOWDOWN = 8.0, 0.0
from fastbuild.cli import main
main()
"""


def test_a_run_that_hangs_when_traced_is_given_up(runner: Runner, tmp_path: Path) -> None:
    text = "FROM busybox\nRUN echo\nRUN if grep -q 'NoNewPrivs:.*1' /proc/self/status; then sleep 500; fi\n"
    folder = context(tmp_path / "context", text, {})
    words = (sys.executable, "-c", IMPATIENT, "build", *TRACE, "--progress", "plain", str(folder))
    done = subprocess.run(
        words, env=runner.env, cwd=tmp_path, timeout=100, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "reads: stopped there, for it took longer than 8 seconds" in done.stderr
    assert set(kept(runner)) == {2}
    assert not processes("sleep 500")


def test_setuid_programs_of_users_below_root_leave_no_evidence(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim\nCOPY as_user.py /\n"
        "RUN python3 /as_user.py /usr/bin/passwd --status\nRUN python3 /as_user.py /usr/bin/id\n"
        "RUN cp /bin/cat /cat && chmod u+s /cat && python3 /as_user.py /cat /as_user.py\n"
    )
    script = "import os, subprocess, sys\nos.setuid(1000)\nsubprocess.run(sys.argv[1:])\n"
    done, evidence = traced(runner, context(tmp_path / "context", text, {"as_user.py": script}))
    assert set(evidence) == {4}
    assert [note[:14] for note in said(done)[1:]] == ["reads: line 3:", "reads: line 5:"]
    assert all("setuid" in note for note in said(done)[1:])


def test_what_a_trace_can_not_follow_leaves_no_evidence(runner: Runner, tmp_path: Path) -> None:
    programs = {
        "ptrace.py": "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\n",
        "chroot.py": "import os\nos.chroot('/etc')\n",
        "other_cwd.py": "import os\nprint(os.stat(f'/proc/{os.getppid()}/cwd/etc'))\n",
    }
    runs = "".join(f"RUN python3 -I /{name}; true\n" for name in programs)
    text = f"FROM python:3.11-slim\nCOPY . /\n{runs}"
    done, evidence = traced(runner, context(tmp_path / "context", text, programs))
    assert evidence == {}
    reasons = sorted(note.partition("no evidence, for ")[2] for note in said(done)[1:])
    assert [reason[:25] for reason in reasons] == [
        "it looks at files through",
        "it uses chroot, whose eff",
        "it uses ptrace, which a t",
    ]


def test_processes_left_behind_are_seen_to_their_end(runner: Runner, tmp_path: Path) -> None:
    text = "FROM busybox\nCOPY . /app/\nRUN (cat /app/a; sleep 100) & sleep 100 & kill -15 $!; sleep 1\n"
    _, evidence = traced(runner, context(tmp_path / "context", text, {"a": "a"}))
    assert "/app/a" in evidence[3].read


def test_mounts_appear_below_their_targets(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM busybox\nRUN --mount=type=bind,target=/src --mount=type=cache,target=/cache \\\n"
        "  cat /src/a.txt > /cache/copy; test -e /src/none\n"
        "RUN --mount=type=bind,source=lib,target=/lib2 ls /lib2 > /listing\n"
    ).replace("; test -e /src/none", "; test ! -e /src/none")
    folder = context(tmp_path / "context", text, {"a.txt": "a", "b.txt": "b", "lib/y": "y"})
    _, evidence = traced(runner, folder)
    assert below(evidence[2].read, "/src") == {"/src/a.txt"}
    assert below(evidence[2].absent, "/src") == {"/src/none"}
    assert "/cache/copy" in evidence[2].written
    assert "/lib2" in evidence[4].listed
    assert set(evidence[4].written) == {"/listing"}


def test_a_heredoc_and_what_python_imports(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nENV PYTHONDONTWRITEBYTECODE=1\n"
        "RUN <<EOF\ncd package\npython -c 'import inner.one'\nEOF\n"
    )
    files = {"package/inner/__init__.py": "", "package/inner/one.py": "", "package/inner/two.py": "", "x": ""}
    _, evidence = traced(runner, context(tmp_path / "context", text, files))
    reads = evidence[5]
    assert reads.instruction.startswith("RUN <<EOF\ncd package")
    inner = {"/app/package/inner/__init__.py", "/app/package/inner/one.py"}
    folders = {"/app/package", "/app/package/inner"}
    assert below(reads.read, "/app") - folders == inner
    assert below(reads.listed, "/app") == folders
    assert reads.written == ()


def test_pip_reads_its_requirements_alone(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\n"
        "RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt\n"
    )
    files = {
        "requirements.txt": "-r more/base.txt\nclick==8.1.7\n",
        "more/base.txt": "idna==3.7\n",
        "more/other.txt": "six\n",
        "setup.py": "",
        "app.py": "",
    }
    _, evidence = traced(runner, context(tmp_path / "context", text, files))
    reads = evidence[4]
    assert below(reads.read, "/app") == {"/app/requirements.txt", "/app/more/base.txt"}
    assert below(reads.listed, "/app") == set()
    assert any(path.endswith("/click/core.py") for path in reads.written)


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every path below an exported image, with all that a RUN can change about it but times of folders."""
    found: dict[str, tuple[object, ...]] = {}
    for path in folder.rglob("*"):
        if path.relative_to(folder).parts[0] in ("proc", "sys", "dev"):
            continue  # the runtime's mount points
        info = path.lstat()
        text: object = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        stamp = 0 if path.is_dir() else info.st_mtime_ns
        found["/" + str(path.relative_to(folder))] = (info.st_mode, info.st_uid, info.st_gid, stamp, text)
    return found


def test_every_path_that_changed_in_the_image_is_in_written(runner: Runner, tmp_path: Path) -> None:
    commands = (
        "mkdir -p d/e; mv d f; ln -s a.txt l; ln b.txt hard; rm lib/y; chmod 600 a.txt; "
        "touch -d @1 lib/deep/x; cp -r lib copy; rm -r copy/deep; chown 5:6 c.txt; echo more >> log; "
        "mkfifo pipe; mv c.txt moved; tar -cf t.tar f; tar -xf t.tar -C /tmp; sed -i s/q/r/ edit; "
        "cat a.txt > l2; mv lib/deep renamed"
    )
    text = f"FROM busybox AS before\nWORKDIR /app\nCOPY . .\nFROM before\nRUN {commands}\n"
    files = dict.fromkeys(("a.txt", "b.txt", "c.txt", "edit", "log", "lib/y", "lib/deep/x"), "q")
    folder = context(tmp_path / "context", text, files)
    _, evidence = traced(runner, folder)
    for target, more in (("before", ("--target", "before")), ("after", ())):
        out = f"type=local,dest={tmp_path / target}"
        assert build(runner, folder, "--engine", "private", *more, "-o", out).code == 0
    before, after = tree(tmp_path / "before"), tree(tmp_path / "after")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed >= {"/app/f/e", "/app/moved", "/app/lib/y", "/app/renamed/x", "/tmp/f/e"}
    assert changed <= set(evidence[5].written)


def test_a_run_without_a_trace_is_named(runner: Runner, tmp_path: Path) -> None:
    folder = context(tmp_path / "context", "FROM busybox\nRUN echo 1 > /x\n", {})
    traced(runner, folder)
    again, evidence = traced(runner, folder)
    assert said(again) == ["reads: evidence for 1 of 1 RUN steps"]
    for file in (runner.folder / "state/fastbuild/reads").iterdir():
        file.unlink()
    forgotten, _ = traced(runner, folder)
    assert said(forgotten)[0] == "reads: evidence for 0 of 1 RUN steps"
    assert said(forgotten)[1].startswith("reads: line 2: was not executed")
    assert "--no-cache" in said(forgotten)[1]
    _, renewed = traced(runner, folder, "--no-cache")
    assert renewed[2].written == evidence[2].written


def test_ordinary_builds_know_nothing_of_it(runner: Runner, tmp_path: Path) -> None:
    folder = context(tmp_path / "context", "FROM busybox\nRUN echo 1 > /x\n", {})
    traced(runner, folder)
    mine = processes(f"{runner.folder}/")
    assert any("buildkitd" in line for line in mine)
    assert not any("strace" in line or "/tracing/" in line for line in mine)
    state = runner.folder / "state/fastbuild"
    assert list((state / "tracing/traces").iterdir()) == []
    (folder / "Dockerfile").write_text("FROM busybox\nRUN grep NoNewPrivs /proc/self/status\n")
    done = build(runner, folder, "--engine", "private", "--progress", "plain")
    assert "NoNewPrivs:\t0" in done.err
    assert said(done) == []


def test_secrets_are_not_kept(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM busybox\nARG TOKEN\nRUN --mount=type=secret,id=s,env=S --mount=type=secret,id=s \\\n"
        '  test -n "$S" && cat /run/secrets/s > /dev/null\n'
    )
    folder = context(tmp_path / "context", text, {})
    (tmp_path / "secret").write_text("hush-1234567")
    _, evidence = traced(
        runner, folder, "--secret", f"id=s,src={tmp_path / 'secret'}", "--build-arg", "TOKEN=tell-7654321"
    )
    assert {"S", "TOKEN"} <= set(evidence[3].env)
    for file in (runner.folder / "state").rglob("*"):
        if file.is_file() and "reads" in file.parts:
            assert "hush-1234567" not in file.read_text()
            assert "tell-7654321" not in file.read_text()
            assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("engine", ["buildctl", "buildx"])
def test_other_engines_are_refused(lab: Lab, warm: Runner, tmp_path: Path, engine: str) -> None:
    folder = context(tmp_path / "context", "FROM busybox\nRUN echo 1 > /x\n", {})
    with lab.buildkitd() as daemon:
        hosts = {"BUILDKIT_HOST": daemon.address}
        if engine == "buildx":
            hosts = {"BUILDX_BUILDER": remote_builder(warm, daemon.address)}
        done = fastbuild(warm, "build", "--engine", engine, "--trace-reads", str(folder), **hosts)
    assert done.returncode == 2
    assert f"--trace-reads is not possible with the {engine} engine".encode() in done.stderr
    assert b"--engine private" in done.stderr


def test_a_missing_strace_is_told_before_the_build(warm: Runner, tmp_path: Path) -> None:
    folder = context(tmp_path / "context", "FROM busybox\nRUN echo 1 > /x\n", {})
    done = fastbuild(warm, "build", *TRACE, str(folder), PATH="/usr/sbin:/sbin")
    assert done.returncode == 3
    assert b"apt-get install strace" in done.stderr
    assert b"[1/2]" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_trace_as_well(runner: Runner, tmp_path: Path, number: int) -> None:
    text = "FROM busybox\nRUN grep -q 'NoNewPrivs:.*1' /proc/self/status && sleep 100; true\n"
    folder = context(tmp_path / "context", text, {})

    def tracing() -> list[str]:
        mine = processes(f"{runner.folder}/")
        return [line for line in mine if line.startswith("/usr/bin/strace") or "/tracing/" in line]

    with in_background(runner, *TRACE, str(folder)) as started:
        started.saw(TWICE, 60)
        assert wait_until(lambda: any("strace" in line for line in tracing()), 60)
        started.signal(number)
        code, _ = started.end()
    assert code == 128 + number
    assert tracing() == []
    assert list((runner.folder / "state/fastbuild/tracing/traces").iterdir()) == []
    assert kept(runner) == {}
