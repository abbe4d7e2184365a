"""Running fastbuild as a user does, on a runner of the lab."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.runner import Runner

APP = "FROM busybox:latest\nCOPY app.txt /app.txt\nRUN cat /app.txt > /built.txt\n"


@dataclass(frozen=True)
class Built:
    """A finished `fastbuild build`: exit code, both outputs, and the record it wrote (or None)."""

    code: int
    out: str
    err: str
    record: dict[str, Any] | None

    def steps(self) -> dict[str, str]:
        """Instruction → status."""
        assert self.record is not None
        return {step["instruction"]: step["status"] for step in self.record["timing"]["steps"]}

    def notes(self) -> list[str]:
        """What fastbuild said about the build."""
        assert self.record is not None
        return list(self.record["notes"])


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "fastbuild", *args]


def fastbuild(
    runner: Runner, *args: str, stdin: bytes | None = None, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command(*args),
            env={**runner.env, **env},
            cwd=cwd or runner.folder,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode("utf-8", "replace")
        living = subprocess.run(
            ["ps", "axfo", "pid,stat,etimes,wchan:20,args"], capture_output=True, text=True
        )
        raise AssertionError(f"it hangs, having said:\n{said[-4000:]}\n{living.stdout[-8000:]}") from error


def build(runner: Runner, context: Path | str, *args: str, stdin: bytes | None = None, **env: str) -> Built:
    """`fastbuild build ARGS CONTEXT` with a record."""
    record = runner.folder / "record.json"
    record.unlink(missing_ok=True)
    done = fastbuild(runner, "build", *args, "--record", str(record), str(context), stdin=stdin, **env)
    return Built(
        done.returncode,
        done.stdout.decode(),
        done.stderr.decode(),
        json.loads(record.read_text()) if record.exists() else None,
    )


def project(folder: Path, dockerfile: str = APP, **files: str) -> Path:
    """A directory with a Dockerfile and files; `app.txt` unless others are named."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    for name, text in (files or {"app_txt": "one\n"}).items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder
