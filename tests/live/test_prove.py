"""Proofs by building, through real engines: what is equal, what is noise, and what is different."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild import config
from fastbuild.commands.prove_builds import builder
from fastbuild.errors import BuildFailed
from fastbuild.paths import Paths
from fastbuild.reorder.prove import Proof, Verdict, prove
from fastbuild.request import BuildRequest
from tests.live.builders import remote_builder
from tests.live.builds import fastbuild, project
from tests.live.started import processes, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastbuild.reorder.prove import Built
    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.dockerd import Dockerd

pytestmark = pytest.mark.live


@contextmanager
def building(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, context: Path, env: dict[str, str], **flags: Any
) -> Iterator[Callable[[str, str], Built]]:
    """The build function of a proof, on a runner, with only the runner's environment."""
    temporary = runner.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    with monkeypatch.context() as patch:
        for name in tuple(os.environ):
            patch.delenv(name)
        for name, value in {**runner.env, **env, "TMPDIR": str(temporary)}.items():
            patch.setenv(name, value)
        patch.setattr("tempfile.tempdir", None)
        settings = config.load(runner.folder, os.environ, {})
        paths = Paths.from_environ(os.environ, os.getuid())
        request = BuildRequest(context=str(context), **flags)
        with builder(settings, paths, os.environ, request, progress="plain") as build:
            yield build
    assert list(temporary.iterdir()) == [], "nothing is left"
    assert not paths.history.exists(), "a proof is no build of the user's"


@pytest.fixture
def proof(warm: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Proof]:
    """`proof(original, rewritten)` with the private engine; context and flags may be given."""

    def run(original: str, rewritten: str = "", *, smoke: str = "", **flags: Any) -> Proof:
        context = flags.pop("context", None) or project(tmp_path / "app")
        env = flags.pop("env", {"FASTBUILD_ENGINE": "private"})
        (context / "Dockerfile").write_text(original)
        with building(warm, monkeypatch, context, env, **flags) as build:
            return prove(build, original, rewritten or original, smoke=smoke)

    return run


def seen(found: Proof) -> set[tuple[str, str]]:
    return {(difference.path, difference.what) for difference in found.differences}


PLAIN = """\
FROM debian:bookworm-slim
ENV A=1 B=2
WORKDIR /work
COPY . .
RUN mkdir -m 1777 spool && ln -s spool link && echo x > file && ln file twin && chown 5:6 file
RUN useradd -m someone && rm -rf /usr/share/zoneinfo
"""


def test_a_dockerfile_proves_equal_to_itself(proof: Callable[..., Proof]) -> None:
    found = proof(PLAIN)
    assert found.verdict is Verdict.EQUIVALENT, found
    assert found.unexplained == ()
    assert all(seconds > 0 for seconds in found.seconds)


def test_a_harmless_reorder_is_equivalent(proof: Callable[..., Proof]) -> None:
    rewritten = PLAIN.replace("ENV A=1 B=2\n", "").replace("RUN useradd", "ENV B=2 A=1\nRUN useradd")
    found = proof(PLAIN, rewritten)
    assert found.verdict is Verdict.EQUIVALENT, found


def test_a_date_in_a_file_is_noise_and_listed(proof: Callable[..., Proof]) -> None:
    found = proof("FROM busybox\nRUN cat /proc/uptime > /built-at; echo fixed > /fixed\n")
    assert found.verdict is Verdict.EQUIVALENT, found
    assert found.noise == ("/built-at",)
    assert found.unexplained == ()


def test_what_hides_in_noise_is_not_passed_over(proof: Callable[..., Proof]) -> None:
    original = "FROM busybox\nRUN (cat /proc/uptime; echo one) > /log\n"
    found = proof(original, original.replace("echo one", "echo two"))
    assert found.verdict is Verdict.DIFFERENT, found
    assert [difference.path for difference in found.differences] == ["/log"]


def test_an_image_that_is_all_random_can_not_be_judged(proof: Callable[..., Proof]) -> None:
    found = proof("FROM busybox\nRUN head -c 100000 /dev/urandom > /random\n")
    assert found.verdict is Verdict.CANNOT_TELL, found
    assert "100000 of" in found.reason


def test_random_names_are_noise_and_a_new_name_is_not(proof: Callable[..., Proof]) -> None:
    stamped = "sleep 1; mkdir /logs && date > /logs/$(date +%Y-%m-%dT%H_%M_%S).log"
    original = f"FROM busybox\nRUN {stamped}; mktemp -d\n"
    found = proof(original)
    assert found.verdict is Verdict.EQUIVALENT, found
    assert {path.rpartition("/")[0] for path in found.noise} == {"/logs", "/tmp"}
    found = proof(original, original + "RUN touch /logs/audit.log\n")
    assert seen(found) == {("/logs/audit.log", "entry")}
    assert found.verdict is Verdict.DIFFERENT


def test_overlapping_copies_in_the_wrong_order(proof: Callable[..., Proof], tmp_path: Path) -> None:
    context = project(tmp_path / "two", "")
    for name in ("a", "b"):
        (context / name).mkdir()
        (context / name / "settings").write_text(name)
    head = "FROM busybox\n"
    found = proof(
        f"{head}COPY a /etc/app/\nCOPY b /etc/app/\n",
        f"{head}COPY b /etc/app/\nCOPY a /etc/app/\n",
        context=context,
    )
    assert found.verdict is Verdict.DIFFERENT, found
    assert seen(found) == {("/etc/app/settings", "content")}
    assert found.differences[0].step.startswith("COPY a ")


CHANGES = {
    "mode": ("RUN touch /f && chmod 4755 /f", "RUN touch /f && chmod 755 /f", ("/f", "mode")),
    "sticky": ("RUN mkdir -m 1777 /d", "RUN mkdir -m 777 /d", ("/d", "mode")),
    "owner": ("RUN touch /f && chown 1:2 /f", "RUN touch /f && chown 1:3 /f", ("/f", "owner")),
    "target": ("RUN ln -s a /l", "RUN ln -s b /l", ("/l", "target")),
    "hard link": ("RUN echo > /f; ln /f /g", "RUN echo > /f; cp -a /f /g", ("/f", "hard links")),
    "gone": ("RUN touch /f", "RUN true", ("/f", "entry")),
    "kind": ("RUN mkdir /f", "RUN mkfifo -m 755 /f", ("/f", "kind")),
    "variable": ("ENV A=1", "ENV A=2", ("", "Env A")),
    "label": ("LABEL a=1", "LABEL a=1 b=2", ("", "Labels b")),
    "command": ('CMD ["a"]', 'CMD ["b"]', ("", "Cmd")),
    "health": ("HEALTHCHECK CMD true", "HEALTHCHECK CMD false", ("", "Healthcheck")),
    "user": ("USER 1", "USER 2", ("", "User")),
    "directory": ("WORKDIR /tmp", "WORKDIR /etc", ("", "WorkingDir")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_single_difference_is_found(proof: Callable[..., Proof], change: str) -> None:
    one, other, expected = CHANGES[change]
    found = proof(f"FROM busybox\n{one}\n", f"FROM busybox\n{other}\n")
    assert found.verdict is Verdict.DIFFERENT, found
    assert expected in seen(found)
    assert {path for path, _ in seen(found)} <= {expected[0], "/g"}


def test_an_extended_attribute_is_a_difference(proof: Callable[..., Proof]) -> None:
    run = 'FROM python:3.11-slim\nRUN touch /f && python -c \'import os; os.setxattr("/f", "{}", {})\'\n'
    # a capability: version 2, cap_net_bind_service permitted and effective (capabilities(7))
    capability = 'b"\\1\\0\\0\\2\\0\\4\\0\\0" + bytes(12)'
    original = run.format("security.capability", capability)
    found = proof(original, run.format("user.other", 'b"1"'))
    assert found.verdict is Verdict.DIFFERENT, found
    assert seen(found) == {("/f", "extended attributes")}
    assert "security.capability" in found.differences[0].a


def test_a_rewrite_that_does_not_build_is_different(proof: Callable[..., Proof]) -> None:
    found = proof("FROM busybox\nRUN true\n", "FROM busybox\nRUN echo no luck; exit 3\n")
    assert found.verdict is Verdict.DIFFERENT
    assert "exit code: 3" in found.reason
    found = proof("FROM busybox\nRUN true\n", "FROM busybox\nRUNN true\n")
    assert found.verdict is Verdict.DIFFERENT


def test_a_broken_original_is_the_users_build_failure(proof: Callable[..., Proof]) -> None:
    with pytest.raises(BuildFailed, match="exit code: 3"):
        proof("FROM busybox\nRUN exit 3\n", "FROM busybox\n")


def test_the_same_flags_hold_in_a_proof(proof: Callable[..., Proof], tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    text = (
        "FROM busybox AS wanted\nARG V\nCOPY app.txt /\n"
        "RUN --mount=type=secret,id=p sha256sum /run/secrets/p > /sum && test $V = 12 && echo $V > /v\n"
        "FROM busybox\nRUN exit 1\n"
    )
    found = proof(
        text,
        text.replace("echo $V", "printf '%s\\n' $V"),
        target="wanted",
        build_args=(("V", "12"),),
        secrets=(f"id=p,src={tmp_path}/password",),
        labels=(("x", "y"),),
        tags=("never:made",),
        push=True,
    )
    assert found.verdict is Verdict.EQUIVALENT, found


def test_the_ignore_file_beside_the_dockerfile_counts(proof: Callable[..., Proof], tmp_path: Path) -> None:
    context = project(tmp_path / "app", "", wanted="1", secret="2")
    (context / "Dockerfile.dockerignore").write_text("secret\nDockerfile*\n")
    (context / ".dockerignore").write_text("wanted\n")
    found = proof(
        "FROM busybox\nCOPY . /app/\nRUN test ! -e /app/secret && test -e /app/wanted\n", context=context
    )
    assert found.verdict is Verdict.EQUIVALENT, found


def test_a_context_that_changes_meanwhile_proves_nothing(
    warm: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = project(tmp_path / "app")
    text = (context / "Dockerfile").read_text()
    with building(warm, monkeypatch, context, {"FASTBUILD_ENGINE": "private"}) as build:

        def edited(text: str, label: str) -> Built:
            if label == "the rewrite":
                (context / "app.txt").write_text("two\n")
            return build(text, label)

        found = prove(edited, text, text)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "context changed" in found.reason


def test_smoke_commands(proof: Callable[..., Proof]) -> None:
    original = "FROM busybox\nENV WORD=yes\nRUN touch /a\nUSER 1000\n"
    found = proof(original, smoke='test "$WORD" = yes && id -u')
    assert found.verdict is Verdict.EQUIVALENT, found
    assert [run.exit_code for run in found.smoke] == [0, 0]
    assert found.smoke[0].output == "1000"
    found = proof(original, smoke="echo said; exit 7")
    assert found.verdict is Verdict.CANNOT_TELL
    assert "said" in found.reason
    assert [run.exit_code for run in found.smoke] == [7]


INTERRUPTED = """
import os, sys
from fastbuild import config
from fastbuild.commands.interrupts import signals
from fastbuild.commands.prove_builds import builder
from fastbuild.errors import Interrupted
from fastbuild.paths import Paths
from fastbuild.reorder.prove import prove
from fastbuild.request import BuildRequest
paths = Paths.from_environ(os.environ, os.getuid())
try:
    with signals():
        asked = BuildRequest(context=sys.argv[1])
        with builder(config.Settings(engine="private"), paths, os.environ, asked, progress="plain") as build:
            prove(build, "FROM busybox\\nRUN echo begun; sleep 77\\n", "FROM busybox\\n")
except Interrupted as interrupted:
    sys.exit(interrupted.exit_code)
"""


def test_an_interrupted_proof_leaves_nothing(lab: Lab, runner: Runner, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {**runner.env, "TMPDIR": str(temporary), "FASTBUILD_ENGINE_CONFIG": str(lab.toml)}
    argv = [
        sys.executable,
        "-c",
        INTERRUPTED.replace("Settings(", f"Settings(engine_config={str(lab.toml)!r}, "),
    ]
    with subprocess.Popen([*argv, str(project(tmp_path / "app"))], env=env, stderr=subprocess.PIPE) as popen:
        assert popen.stderr is not None
        assert any(line.endswith(b" begun\n") for line in popen.stderr)
        popen.send_signal(signal.SIGINT)
        popen.communicate(timeout=20)
    assert popen.returncode == 130
    assert list(temporary.iterdir()) == []
    assert wait_until(lambda: not processes("sleep 77"), 5)


@pytest.mark.parametrize("name", ["buildctl", "buildx", "docker"])
def test_other_engines_prove_as_well(
    name: str,
    proof: Callable[..., Proof],
    warm: Runner,
    daemon: Buildkitd,
    docker_engine: Dockerd,
    tmp_path: Path,
) -> None:
    context = project(tmp_path / "app")
    (context / ".dockerignore").write_text("*.tmp\n")
    env = {"FASTBUILD_ENGINE": name}
    flags: dict[str, Any] = {"env": env, "context": context}
    if name == "buildctl":
        env["BUILDKIT_HOST"] = daemon.address
    elif name == "buildx":
        env["BUILDX_BUILDER"] = remote_builder(warm, daemon.address)
    else:
        env["DOCKER_HOST"] = docker_engine.host
        flags["network"] = "host"
    run = "RUN cat /proc/uptime > /now; echo 1 > /f; ln /f /g; chmod 4755 /f"
    original = f"FROM busybox\nCOPY . /app\n{run}\nCMD sh\n"
    found = proof(original, smoke="test -u /f", **flags)
    assert found.verdict is Verdict.EQUIVALENT, found
    # docker's client adds a random name to the ignore file that it sends
    assert set(found.noise) == {"/now", *(["/app/.dockerignore"] if name == "docker" else [])}
    assert [run.exit_code for run in found.smoke] == [0, 0]
    found = proof(original, original.replace("chmod 4755", "chmod 755"), **flags)
    assert seen(found) == {("/f", "mode"), ("/g", "mode")}
    if name == "docker":
        assert [image for image in docker_engine.client().images.list() if not image.tags] == []


def test_platforms_and_a_fixed_date(proof: Callable[..., Proof]) -> None:
    original = "FROM scratch\nARG TARGETARCH\nCOPY app.txt /$TARGETARCH/\nLABEL a=1\n"
    flags = {
        "platforms": ("linux/amd64", "linux/arm64"),
        "env": {"FASTBUILD_ENGINE": "private", "SOURCE_DATE_EPOCH": "1700000000"},
    }
    found = proof(original, **flags)
    assert (found.verdict, found.noise) == (Verdict.EQUIVALENT, ()), found
    found = proof(original, original.replace("/$TARGETARCH/", "/arm64/"), **flags)
    assert {path for path, _ in seen(found)} == {
        "linux/amd64:/amd64",
        "linux/amd64:/amd64/app.txt",
        "linux/amd64:/arm64",
        "linux/amd64:/arm64/app.txt",
    }


def test_an_image_without_layers(proof: Callable[..., Proof]) -> None:
    found = proof("FROM scratch\nLABEL a=1\n", "FROM scratch\nLABEL a=2\n")
    assert seen(found) == {("", "Labels a")}


def test_a_base_compressed_with_zstd(
    proof: Callable[..., Proof], daemon: Buildkitd, lab: Lab, tmp_path: Path
) -> None:
    name = f"{lab.registry}/zstd-base:1"
    attrs = "push=true,compression=zstd,force-compression=true"
    daemon.build(project(tmp_path / "base"), "--output", f"type=image,name={name},{attrs}")
    found = proof(f"FROM {name}\nRUN test -f /app.txt\n")
    assert found.verdict is Verdict.EQUIVALENT, found


def test_a_later_cache_export_is_compressed(
    proof: Callable[..., Proof], warm: Runner, tmp_path: Path
) -> None:
    """The engine keeps the layers that a proof exported, and writes them to caches as they are."""
    context, cache = project(tmp_path / "app"), tmp_path / "cache"
    assert proof(PLAIN, context=context).verdict is Verdict.EQUIVALENT
    export = ("--cache-to", f"type=local,dest={cache},mode=max")
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    assert fastbuild(warm, "build", "--engine", "private", *export, str(context), **state).returncode == 0
    index = json.loads((cache / "index.json").read_text())
    blob = index["manifests"][0]["digest"].replace(":", "/")
    layers = json.loads((cache / "blobs" / blob).read_text())["layers"]
    types = [layer["mediaType"] for layer in layers if "image.layer" in layer["mediaType"]]
    assert len(types) > 2
    assert {each.rpartition(".")[2] for each in types} == {"tar+gzip"}


def test_python_packages_from_the_index_are_equivalent(proof: Callable[..., Proof], tmp_path: Path) -> None:
    context = project(tmp_path / "py", "", requirements_txt="requests==2.32.3\nflask==3.0.3\n")
    (context / "main.py").write_text("import flask, requests\n")
    head = "FROM python:3.11-slim\nWORKDIR /app\n"
    install = "RUN pip install -r requirements.txt\n"
    found = proof(
        f"{head}COPY . .\n{install}RUN python -m compileall -q .\n",
        f"{head}COPY requirements.txt .\n{install}COPY . .\nRUN python -m compileall -q .\n",
        context=context,
        smoke="python main.py",
    )
    assert found.verdict is Verdict.EQUIVALENT, found


def test_debian_packages_are_equivalent(proof: Callable[..., Proof]) -> None:
    install = "RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 make\n"
    found = proof(
        f"FROM debian:bookworm-slim\nCOPY . /src\n{install}",
        f"FROM debian:bookworm-slim\n{install}COPY . /src\n",
    )
    assert found.verdict is Verdict.EQUIVALENT, found
    assert "/var/log/dpkg.log" in found.noise
