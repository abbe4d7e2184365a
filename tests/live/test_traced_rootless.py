"""`build --trace-reads` by an ordinary user: strace and the runtime run inside the user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from fastbuild.tracing.reads import RunReads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

PYTHON = "/usr/bin/python3"
"""One that every user may run; the packages are copied to where they may read them."""
DOCKERFILE = """\
FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN cat a.txt > copy; test ! -e none; ls lib
USER 1000
RUN cat b.txt
"""


@contextmanager
def ordinary_user() -> Iterator[str]:
    """A new user with a range of ids of its own."""
    name = f"fbtrace{os.getpid()}"
    subprocess.run(("useradd", "-m", "-K", "SUB_UID_COUNT=65536", name), check=True)
    try:
        yield name
    finally:
        subprocess.run(("userdel", "-r", name), capture_output=True)


def same_python() -> bool:
    code = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return Path(PYTHON).exists() and subprocess.run((PYTHON, "-c", code)).returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="makes an ordinary user")
def test_an_ordinary_user_traces_as_well(lab: Lab) -> None:
    if not all(map(shutil.which, ("rootlesskit", "useradd", "strace"))) or not same_python():
        pytest.skip("no rootlesskit, useradd, strace, or python for everybody")
    with ordinary_user() as name, tempfile.TemporaryDirectory(prefix="fb-", dir="/tmp") as folder:
        shared = Path(folder)
        prepare(shared, lab)
        environ = {"PATH": f"{shared}:{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": f"{shared}/home"}
        environ |= {"PYTHONPATH": f"{shared}/packages:{shared}", "FASTBUILD_HOME": f"{shared}/home/f"}
        environ |= {"FASTBUILD_ENGINE_CONFIG": f"{shared}/buildkitd.toml"}
        shutil.chown(shared / "home", name, name)
        become = ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups")

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            argv = (*become, PYTHON, "-m", "fastbuild", *words)
            return subprocess.run(argv, env=environ, cwd=shared, capture_output=True, text=True, timeout=300)

        try:
            built = run("build", "--engine", "private", "--trace-reads", "context")
            assert built.returncode == 0, built.stderr
            assert "evidence for 2 of 2 RUN steps" in built.stderr
        finally:
            run("engine", "stop")
        files = (shared / "home/f/state/reads").glob("*.json")
        first, second = sorted(
            (RunReads.from_json(f.read_text()) for f in files), key=lambda reads: reads.line
        )
        assert (first.user, second.user) == ("0:0", "1000:0")
        assert {"/app/a.txt"} == {path for path in first.read if path.endswith(".txt")}
        assert {"/app/b.txt"} == {path for path in second.read if path.endswith(".txt")}
        assert (first.written, second.written) == (("/app/copy",), ())
        assert "/app/none" in first.absent


def prepare(shared: Path, lab: Lab) -> None:
    """Copies, readable by everybody, of the programs, packages and the context."""
    repository = Path(__file__).parents[2]
    shared.chmod(0o755)
    for program in (lab.tools.buildkitd, lab.tools.buildctl):
        shutil.copy(program, shared)
    shutil.copytree(repository / "fastbuild", shared / "fastbuild")
    shutil.copytree(Path(click.__file__).parents[1], shared / "packages")
    shutil.copy(lab.toml, shared)
    (shared / "home").mkdir()
    (shared / "context/lib").mkdir(parents=True)
    (shared / "context/Dockerfile").write_text(DOCKERFILE)
    for file in ("a.txt", "b.txt", "lib/x"):
        (shared / "context" / file).write_text("x")
    subprocess.run(("chmod", "-R", "a+rX", str(shared)), check=True)
