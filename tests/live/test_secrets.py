"""Planted secrets are looked for everywhere: arguments of processes, files of ours, BuildKit's history."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import subprocess
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.live.builders import environment
from tests.live.builds import build, fastbuild, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.builds import Built

pytestmark = pytest.mark.live

DOCKERFILE = """\
FROM busybox:latest
COPY app.txt /app.txt
RUN --mount=type=secret,id=fromenv --mount=type=secret,id=fromfile \
    cat /run/secrets/fromenv /run/secrets/fromfile | wc -c > /length
"""
FAILING = DOCKERFILE + "RUN --mount=type=secret,id=fromenv echo nothing to see; exit 3\n"


class Arguments:
    """Looks at the arguments of every process all the time, as any user of the machine can."""

    def __init__(self, wanted: dict[str, str]) -> None:
        self._wanted = {name: value.encode() for name, value in wanted.items()}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.shown: set[str] = set()
        self.seen: set[str] = set()

    def _watch(self) -> None:
        while not self._ended.is_set():
            for pid in os.listdir("/proc"):  # noqa: PTH208 - as fast as can be
                if pid.isdecimal():
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
                        self._look(file.read())
            time.sleep(0.002)

    def _look(self, line: bytes) -> None:
        words = line.split(b"\0")
        self.seen.add(Path(words[0].decode("utf-8", "replace")).name)
        own = b"fastbuild" in words and b"build" in words
        for name, value in self._wanted.items():
            # what the user typed as an argument of fastbuild stands there; nowhere else
            if value in line and not own:
                self.shown.add(f"{name} in {line[:200]!r}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()


@dataclass
class Plant:
    """Secrets by name, and what fastbuild is told about them."""

    values: dict[str, str]
    env: dict[str, str]
    args: tuple[str, ...]
    printed: list[str] = field(default_factory=list)

    def build(self, runner: Runner, context: Path, *args: str, code: int = 0, **env: str) -> Built:
        """A build under watch; nobody's arguments show a secret, nor does its own output."""
        with Arguments(self.values) as watched:
            done = build(runner, context, *self.args, *args, **{**self.env, **env})
        assert done.code == code, done.err
        assert watched.seen & {"buildctl", "docker-buildx", "docker"}, watched.seen
        assert watched.shown == set()
        found = [name for name, value in self.values.items() if value in done.out + done.err]
        assert found == [], done.err
        assert done.record is not None
        return done


def holders(folder: Path, values: dict[str, str]) -> dict[str, set[str]]:
    """File (relative) → the names of the secrets in it; links are not followed."""
    found: dict[str, set[str]] = {}
    for parent, folders, names in os.walk(folder):
        if Path(parent).name in ("snapshots", "content"):
            folders.clear()  # layers: what a step writes into the image is the user's doing
            continue
        for name in names:
            path = Path(parent, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                continue
            data = path.read_bytes()
            held = {secret for secret, value in values.items() if value.encode() in data}
            if held:
                found[str(path.relative_to(folder))] = held
    return found


def daemon_s_history(program: Path, address: str) -> bytes:
    """What BuildKit remembers of its builds: the records, and every blob (traces, too) that they name."""

    def ask(*words: str) -> bytes:
        argv = [str(program), "--addr", address, "debug", *words]
        return subprocess.run(argv, capture_output=True, timeout=60, check=False).stdout

    records = ask("histories", "--format", "{{json .}}")
    digests = sorted(set(re.findall(r"sha256:[0-9a-f]{64}", records.decode())))
    blobs = [ask("get", digest) for digest in digests]  # some name images, of which nothing is kept
    assert any(b"importing cache" in blob or b"exporting cache" in blob for blob in blobs), records
    return b"\n".join((records, *blobs))


def planted(*names: str) -> dict[str, str]:
    return {name: f"planted{name.replace('-', '')}{secrets.token_hex(8)}" for name in names}


@pytest.fixture
def plant(lab: Lab, runner: Runner) -> Plant:
    """AWS keys that work, build secrets of both kinds, a registry password in docker's config."""
    values = planted("env-secret", "file-secret", "registry-password")
    values |= {"aws-secret": lab.s3.secret_key}
    config = runner.folder / "docker" / "config.json"
    login = b64encode(f"user:{values['registry-password']}".encode()).decode()
    values["registry-auth"] = login
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "auths": {"host.invalid": {"auth": login}}})
    )
    file = runner.folder.parent / f"{runner.folder.name}-secret"
    file.write_text(values["file-secret"])
    return Plant(
        values=values,
        env={"FASTBUILD_ENGINE": "private", "PLANTED": values["env-secret"]},
        args=("--secret", "id=fromenv,env=PLANTED", "--secret", f"id=fromfile,src={file}"),
    )


@pytest.fixture(autouse=True)
def _files_of_secrets_go(runner: Runner) -> Iterator[None]:
    yield
    (runner.folder.parent / f"{runner.folder.name}-secret").unlink(missing_ok=True)


def cache(lab: Lab) -> tuple[str, ...]:
    account = lab.s3_server.account.new_bucket("secrets")
    return (
        "--cache",
        f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1",
        "--name",
        "app",
    )


def check_files(runner: Runner, plant: Plant, *allowed: str) -> None:
    """No file of the runner holds a secret, except the engine's credentials and docker's own."""
    found = holders(runner.folder, plant.values)
    assert found.pop("docker/config.json", None) == {"registry-auth"}
    file = runner.folder / "run/fastbuild/aws-credentials"
    held = found.pop("run/fastbuild/aws-credentials", set())
    assert held == set(allowed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert found == {}


def check_private_engine(lab: Lab, runner: Runner, plant: Plant) -> None:
    said = daemon_s_history(lab.tools.buildctl, f"unix://{runner.folder}/run/fastbuild/buildkitd.sock")
    assert [name for name, value in plant.values.items() if value.encode() in said] == []


def check_history(runner: Runner, plant: Plant, builds: int) -> None:
    listed = fastbuild(runner, "history", "list", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)["builds"]) == builds
    assert [name for name, value in plant.values.items() if value.encode() in listed.stdout] == []


def test_builds_that_succeed_fail_and_are_strict(
    lab: Lab, runner: Runner, plant: Plant, tmp_path: Path
) -> None:
    where = cache(lab)
    good, bad = project(tmp_path / "good", DOCKERFILE), project(tmp_path / "bad", FAILING)
    first = plant.build(runner, good, *where, "-o", str(tmp_path / "out"))
    assert not [note for note in first.notes() if note.startswith("cache:")], first.notes()
    length = len(plant.values["env-secret"]) + len(plant.values["file-secret"])
    assert (tmp_path / "out/length").read_text().strip() == str(length), "the step did not get its secrets"
    plant.build(runner, bad, *where, code=1)
    plant.build(runner, good, *where, "--cache-strict", "--no-cache")
    check_files(runner, plant, "aws-secret")
    check_private_engine(lab, runner, plant)
    check_history(runner, plant, 3)


@pytest.mark.parametrize("strict", [False, True])
def test_a_wrong_secret_is_not_repeated_by_the_error(
    lab: Lab, runner: Runner, plant: Plant, tmp_path: Path, strict: bool
) -> None:
    context = project(tmp_path / "app", DOCKERFILE)
    wrong = planted("wrong-key", "wrong-secret", "wrong-token")
    plant.values |= wrong
    env = {
        "AWS_ACCESS_KEY_ID": wrong["wrong-key"],
        "AWS_SECRET_ACCESS_KEY": wrong["wrong-secret"],
        "AWS_SESSION_TOKEN": wrong["wrong-token"],
    }
    args = ("--cache-strict",) if strict else ()
    plant.build(runner, context, *cache(lab), *args, code=1 if strict else 0, **env)
    check_files(runner, plant, *wrong)
    check_private_engine(lab, runner, plant)


def test_credentials_of_a_profile(lab: Lab, runner: Runner, plant: Plant, tmp_path: Path) -> None:
    context = project(tmp_path / "app", DOCKERFILE)
    file = tmp_path / "credentials"
    keys = (f"aws_access_key_id = {lab.s3.access_key}", f"aws_secret_access_key = {lab.s3.secret_key}")
    file.write_text("\n".join(("[planted]", *keys, "")))
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    env = {**none, "AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "planted"}
    plant.values["aws-key"] = lab.s3.access_key
    done = plant.build(runner, context, *cache(lab), "--cache-strict", **env)
    assert not [note for note in done.notes() if note.startswith("cache:")], done.notes()
    check_files(runner, plant, "aws-secret", "aws-key")
    check_private_engine(lab, runner, plant)


def raw(lab: Lab, **options: str) -> str:
    account = lab.s3_server.account.new_bucket("secrets")
    given = {
        "type": "s3",
        "bucket": account.bucket,
        "region": "us-east-1",
        "endpoint_url": account.endpoint,
        "use_path_style": "true",
        "name": "app",
        **options,
    }
    return ",".join(f"{key}={value}" for key, value in given.items())


@pytest.mark.parametrize("engine", ["private", "buildctl", "buildx"])
def test_keys_typed_into_a_raw_cache_option_go_no_further(
    lab: Lab, runner: Runner, plant: Plant, tmp_path: Path, engine: str
) -> None:
    context = project(tmp_path / "app", DOCKERFILE)
    plant.values["aws-key"] = lab.s3.access_key
    typed = raw(lab, access_key_id=lab.s3.access_key, secret_access_key=lab.s3.secret_key)
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with lab.buildkitd() as daemon:
        none |= environment(engine, daemon, runner)
        done = plant.build(runner, context, "--cache-to", typed, "--cache-from", typed, **none)
        private = f"unix://{runner.folder}/run/fastbuild/buildkitd.sock"
        said = daemon_s_history(lab.tools.buildctl, private if engine == "private" else daemon.address)
        leaked = [name for name, value in plant.values.items() if value.encode() in said]
    # buildx puts the keys into the request, where they are out of sight of process lists; but BuildKit's
    # history keeps requests. Nothing but the daemon's own identity avoids that with buildx.
    assert leaked == (["aws-secret", "aws-key"] if engine == "buildx" else [])
    assert any("its own AWS credentials" in note for note in done.notes()) is (engine == "buildctl")
    # importing from an empty bucket is a miss, never a fault
    assert not [note for note in done.notes() if "403" in note], done.notes()
    found = holders(runner.folder, plant.values)
    found.pop("docker/config.json")
    if engine == "private":
        assert found.pop("run/fastbuild/aws-credentials") == {"aws-secret", "aws-key"}
    assert found == {}


ARGUMENT = """\
FROM busybox:latest
ARG NPM_TOKEN
ARG VERSION
WORKDIR /${NPM_TOKEN}/${VERSION}
RUN test -n "$NPM_TOKEN"
"""


@pytest.mark.parametrize("fails", [False, True])
def test_a_build_argument_that_looks_secret_is_not_kept(
    runner: Runner, plant: Plant, tmp_path: Path, fails: bool
) -> None:
    token = planted("token")["token"]
    text = ARGUMENT + ("COPY absent-$NPM_TOKEN /\n" if fails else "")
    context = project(tmp_path / "app", text)
    args = ("--build-arg", f"NPM_TOKEN={token}", "--build-arg", "VERSION=visible-1.2.3")
    done = build(runner, context, *args, **plant.env)
    assert done.code == (1 if fails else 0), done.err
    assert "WORKDIR /***/visible-1.2.3" in done.steps()
    table = done.err.partition("line  step")[2].partition("\nerror")[0]
    assert "***" in table
    assert token not in table.partition("Dockerfile:")[0]
    found = holders(runner.folder, {"token": token})
    # a failed step's name, arguments expanded, stands in BuildKit's own log as well
    log = {"state/fastbuild/engine/buildkitd.log"} if fails else set()
    assert {path for path in found if not path.startswith("data/")} <= log, "kept outside BuildKit"


def test_a_token_in_the_context_s_url_is_not_kept(runner: Runner, plant: Plant) -> None:
    token = planted("token")["token"]
    done = build(runner, f"https://user:{token}@127.0.0.1:1/repository.git", **plant.env)
    assert done.code != 0
    assert done.record is not None
    assert done.record["context"] == "https://user:***@127.0.0.1:1/repository.git"
    found = holders(runner.folder, {"token": token})
    assert {path for path in found if not path.startswith("data/")} == set(), "kept outside BuildKit"
