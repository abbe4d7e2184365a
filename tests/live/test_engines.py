"""One Dockerfile through every engine: the same files, the same configuration; and which engine is chosen."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.processes import Server, free_port
from tests.live.builders import remote_builder
from tests.live.builds import build, fastbuild, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.dockerd import Dockerd

pytestmark = pytest.mark.live

DOCKERFILE = """\
ARG BASE=busybox:latest
FROM ${BASE} AS tools
COPY src /src
RUN cat /src/a.txt /src/sub/b.txt > /tool && chown 12:34 /tool && chmod 4750 /tool && ln /tool /twin

FROM debian:bookworm-slim AS unused
RUN exit 1

FROM debian:bookworm-slim
ENV GREETING="hello world" EMPTY=
LABEL org.example.a=1 "org.example.b"="two words"
WORKDIR /work/dir
COPY --chown=7:8 src ./copied/
COPY --from=tools /tool /twin /usr/local/bin/
ADD archive.tar /unpacked/
RUN mkdir -m 1777 made && ln -s ../copied/a.txt made/link && echo "$GREETING" > made/text && rm /etc/motd
USER 1000:1000
EXPOSE 8080
VOLUME /data
ENTRYPOINT ["/bin/echo"]
CMD ["one", "two"]
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("app"), DOCKERFILE, Dockerfile="")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "src" / "sub").mkdir(parents=True)
    for name, mode in (("a.txt", 0o640), ("sub/b.txt", 0o755)):
        (folder / "src" / name).write_text(f"{name}\n")
        (folder / "src" / name).chmod(mode)
    (folder / "src" / "sub").chmod(0o711)
    (folder / "src" / "link").symlink_to("sub/b.txt")
    (folder / "src" / "dangling").symlink_to("/no/such")
    with tarfile.open(folder / "archive.tar", "w") as archive:
        archive.add(folder / "src" / "a.txt", "inside/a.txt")
    return folder


Entry = tuple[Any, ...]
SEEN = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir", "Labels", "ExposedPorts", "Volumes")


@contextmanager
def unpacked(archive: Path) -> Iterator[tuple[tarfile.TarFile, dict[str, Any]]]:
    """An image archive (`docker save` or OCI layout) and its docker-style manifest."""
    with tarfile.open(archive) as outer:
        names = set(outer.getnames())
        if "manifest.json" in names:
            yield outer, read(outer, "manifest.json")[0]
            return
        manifest = blob(outer, read(outer, "index.json")["manifests"][0]["digest"])
        while "manifests" in manifest:  # an index: the image and, beside it, its attestations
            manifest = blob(outer, manifest["manifests"][0]["digest"])
        layers = [path_of(layer["digest"]) for layer in manifest["layers"]]
        yield outer, {"Config": path_of(manifest["config"]["digest"]), "Layers": layers}


def path_of(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def read(outer: tarfile.TarFile, name: str) -> Any:
    file = outer.extractfile(name)
    assert file is not None
    return json.load(file)


def blob(outer: tarfile.TarFile, digest: str) -> Any:
    return read(outer, path_of(digest))


def image(archive: Path) -> tuple[dict[str, Entry], dict[str, Any]]:
    """The root file system (path → type, mode, owner, link, content; no times) and the configuration."""
    found: dict[str, Entry] = {}
    with unpacked(archive) as (outer, manifest):
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(name)) as layer:
                apply(layer, found)
        config = read(outer, manifest["Config"])["config"]
    return found, {key: config.get(key) or None for key in SEEN}


def apply(layer: tarfile.TarFile, found: dict[str, Entry]) -> None:
    for member in layer:
        path = member.name.strip("/").removeprefix("./")
        folder, _, name = path.rpartition("/")
        if name.startswith(".wh."):
            gone = f"{folder}/{name.removeprefix('.wh.')}".strip("/")
            for old in [old for old in found if old == gone or old.startswith(f"{gone}/")]:
                del found[old]
            continue
        content = layer.extractfile(member) if member.isreg() else None
        digest = hashlib.sha256(content.read()).hexdigest() if content else ""
        link = member.linkname if member.issym() else ""
        if member.islnk():  # engines differ in which of the names is the link
            found[path] = found[member.linkname.strip("/")]
            continue
        found[path] = (member.type, oct(member.mode & 0o7777), member.uid, member.gid, link, digest)


def saved(docker_engine: Dockerd, name: str, file: Path) -> Path:
    with file.open("wb") as out:
        for chunk in docker_engine.client().images.get(name).save():
            out.write(chunk)
    return file


def test_every_engine_makes_the_same_image(
    runner: Runner, daemon: Buildkitd, docker_engine: Dockerd, context: Path, tmp_path: Path
) -> None:
    builder = remote_builder(runner, daemon.address)
    ways = {
        "private": {},
        "buildctl": {"BUILDKIT_HOST": daemon.address},
        "buildx": {"BUILDX_BUILDER": builder},
    }
    made = {}
    for name, env in ways.items():
        archive = tmp_path / f"{name}.tar"
        done = build(runner, context, "--engine", name, "-o", f"type=oci,dest={archive}", **env)
        assert done.code == 0, done.err
        made[name] = image(archive)
    done = build(
        runner, context, "--engine=docker", "--network=host", "-t", "x", DOCKER_HOST=docker_engine.host
    )
    # the classic builder runs every stage up to the target, also those that nothing needs
    assert done.code == 1, done.err
    assert "returned a non-zero code: 1" in done.err
    text = DOCKERFILE.replace("RUN exit 1", "RUN true")
    (tmp_path / "Dockerfile").write_text(text)
    done = build(
        runner,
        context,
        *("--engine=docker", "--network=host", "-f", f"{tmp_path}/Dockerfile", "-t", "x"),
        DOCKER_HOST=docker_engine.host,
    )
    assert done.code == 0, done.err
    made["docker"] = image(saved(docker_engine, "x", tmp_path / "docker.tar"))
    files, config = made["private"]
    assert files["usr/local/bin/tool"][1:4] == ("0o4750", 12, 34)
    assert files["work/dir/copied/sub"][1:4] == ("0o711", 7, 8)
    assert files["work/dir/copied/link"][4] == "sub/b.txt"
    assert files["unpacked/inside/a.txt"][1] == "0o640"
    assert "etc/motd" not in files
    assert config["User"] == "1000:1000"
    for name, (others, other_config) in made.items():
        assert {p: e for p, e in others.items() if files.get(p) != e} == {}, name
        assert set(others) == set(files), name
        assert other_config == config, name


def tags(docker_engine: Dockerd) -> set[str]:
    return {tag for image in docker_engine.client().images.list() for tag in image.tags}


def test_a_build_is_loaded_where_a_docker_engine_runs(
    runner: Runner, docker_engine: Dockerd, tmp_path: Path
) -> None:
    context = project(tmp_path / "app")
    for tag, flags in (("byflag:1", ["--load"]), ("unasked:1", [])):
        done = build(
            runner, context, "-t", tag, *flags, FASTBUILD_ENGINE="private", DOCKER_HOST=docker_engine.host
        )
        assert done.code == 0, done.err
        assert tag in tags(docker_engine)
    listed = subprocess.run(
        ["docker", "images"],
        env={**runner.env, "DOCKER_HOST": docker_engine.host},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "unasked" in listed.stdout
    quiet = build(runner, context, "-q", FASTBUILD_ENGINE="private", DOCKER_HOST=docker_engine.host)
    assert docker_engine.client().images.get(quiet.out.strip()).id == quiet.out.strip()
    assert quiet.err == ""


def test_push_and_load_together(lab: Lab, runner: Runner, docker_engine: Dockerd, tmp_path: Path) -> None:
    name = f"{lab.registry}/both:1"
    done = build(
        runner,
        project(tmp_path / "app"),
        *("-t", name, "--push", "--load"),
        FASTBUILD_ENGINE="private",
        DOCKER_HOST=docker_engine.host,
    )
    assert done.code == 0, done.err
    assert name in tags(docker_engine)
    docker_engine.client().images.remove(name)
    assert docker_engine.client().images.pull(name).tags == [name]


def test_without_a_docker_engine_the_image_stays_and_that_is_said(runner: Runner, tmp_path: Path) -> None:
    gone = f"unix://{tmp_path}/none.sock"
    context = project(tmp_path / "app")
    done = build(runner, context, "-t", "x", FASTBUILD_ENGINE="private", DOCKER_HOST=gone)
    assert done.code == 0
    assert "no docker engine runs here" in done.err
    done = build(runner, context, "-t", "x", "--load", FASTBUILD_ENGINE="private", DOCKER_HOST=gone)
    assert done.code == 3
    assert "did not load it" in done.err


def test_the_plain_engine_tells_its_limits_once_and_its_hits(
    runner: Runner, docker_engine: Dockerd, tmp_path: Path
) -> None:
    context = project(tmp_path / "app")
    flags = ("--engine=docker", "--network=host", "-t", "plain")
    assert build(runner, context, *flags, DOCKER_HOST=docker_engine.host).code == 0
    done = build(runner, context, *flags, "--iidfile", str(tmp_path / "iid"), DOCKER_HOST=docker_engine.host)
    assert done.err.count("the plain docker engine has no") == 1
    assert set(done.steps().values()) == {"source", "hit_local"}
    assert docker_engine.client().images.get("plain").id == (tmp_path / "iid").read_text()


def test_a_step_that_fails_on_the_plain_engine(
    runner: Runner, docker_engine: Dockerd, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", "FROM busybox\nRUN echo said; exit 3\nRUN true\n")
    done = build(runner, context, "--engine=docker", "--network=host", DOCKER_HOST=docker_engine.host)
    assert done.code == 1
    assert done.steps()["RUN echo said; exit 3"] == "failed"
    assert done.err.rstrip().endswith("returned a non-zero code: 3")
    assert "DEPRECATED" not in done.err


@pytest.mark.parametrize(
    ("dockerfile", "flags", "code"),
    [
        ("FROM busybox\nCOPXY a b\n", (), 4),
        ("FROM busybox\nENV x\n", (), 4),
        ("FROM busybox\n", ("--target", "none"), 1),
        ("FROM busybox\n", ("-t", "UPPER"), 2),
        ("FROM busybox\nCOPY none /\n", (), 1),
    ],
)
def test_a_refusal_by_the_plain_engine_is_no_engine_failure(
    runner: Runner, docker_engine: Dockerd, tmp_path: Path, dockerfile: str, flags: tuple[str, ...], code: int
) -> None:
    context = project(tmp_path / "app", dockerfile)
    done = build(runner, context, "--engine=docker", *flags, DOCKER_HOST=docker_engine.host)
    assert done.code == code, done.err


IMPOSSIBLE = {
    "--secret": ("--secret", "id=a,env=HOME"),
    "--ssh": ("--ssh", "default"),
    "--output": ("-o", "out"),
    "--push": ("--push",),
    "--build-context": ("--build-context", "a=."),
    "--cache-to": ("--cache-to", "type=inline"),
    "--cache-from": ("--cache-from", "type=local,src=x"),
    "--no-cache-filter": ("--no-cache-filter", "0"),
    "--allow": ("--allow", "network.host"),
    "--annotation": ("--annotation", "a=b"),
    "--attest": ("--sbom=true",),
    "--policy": ("--policy", "filename=p"),
    "--call": ("--check",),
    "--platform": ("--platform", "linux/amd64,linux/arm64"),
}


@pytest.mark.parametrize("flag", IMPOSSIBLE)
def test_what_the_plain_engine_cannot_do_names_the_flag_and_the_engine_that_can(
    runner: Runner, docker_engine: Dockerd, tmp_path: Path, flag: str
) -> None:
    context = project(tmp_path / "app")
    done = build(runner, context, "--engine=docker", *IMPOSSIBLE[flag], DOCKER_HOST=docker_engine.host)
    assert done.code == 2, done.err
    assert f"error: {flag}" in done.err
    assert "--engine buildx" in done.err


@pytest.mark.parametrize(
    ("engine_name", "flags"), [("private", ("--squash",)), ("private", ("--network", "mine"))]
)
def test_what_buildkit_cannot_do_is_an_error_too(
    runner: Runner, tmp_path: Path, engine_name: str, flags: tuple[str, ...]
) -> None:
    done = build(runner, project(tmp_path / "app"), "--engine", engine_name, *flags)
    assert done.code == 2
    assert f"error: {flags[0]}" in done.err


def used(runner: Runner, *flags: str, **env: str) -> str:
    context = project(runner.folder / "choice", "FROM scratch\nCOPY app.txt /\n")
    done = build(runner, context, *flags, **env)
    assert done.record is not None, done.err
    return str(done.record["engine"])


def test_the_order_of_engines(
    runner: Runner, daemon: Buildkitd, docker_engine: Dockerd, lab: Lab, tmp_path: Path
) -> None:
    host = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    plain = {"DOCKER_HOST": docker_engine.host}
    assert used(runner, **host) == "private"
    # docker's own builder without the containerd image store can't export caches
    assert used(runner, **plain) == "private"
    assert used(runner, "--engine", "docker", **plain) == "docker"
    builder = remote_builder(runner, daemon.address)
    assert used(runner, "--builder", builder, **host) == "buildx"
    assert used(runner, "--builder", builder, **host, BUILDKIT_HOST=daemon.address) == "buildx"
    assert used(runner, BUILDX_BUILDER="lab", **host) == "buildx"
    assert used(runner, BUILDKIT_HOST=daemon.address, BUILDX_BUILDER="lab", **host) == "buildctl"
    assert used(runner, "--engine", "private", BUILDKIT_HOST=daemon.address, **host) == "private"
    assert used(runner, FASTBUILD_ENGINE="buildx", BUILDX_BUILDER="lab", BUILDKIT_HOST="x") == "buildx"


def test_reasons_are_told(runner: Runner, daemon: Buildkitd, docker_engine: Dockerd) -> None:
    told = fastbuild(runner, "doctor", BUILDKIT_HOST=daemon.address, DOCKER_HOST=docker_engine.host)
    text = told.stdout.decode() + told.stderr.decode()
    assert f"BUILDKIT_HOST is {daemon.address}" in text
    assert "20.10" in text


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--engine", "podman"), 2, "there is no engine 'podman'"),
        (("--engine", "buildctl"), 3, "BUILDKIT_HOST is not set"),
        (("--engine", "docker"), 3, "no docker engine answers"),
        (("--engine", "buildx", "--builder", "none"), 3, "none"),
    ],
)
def test_an_engine_that_is_not_there(
    runner: Runner, tmp_path: Path, flags: tuple[str, ...], code: int, said: str
) -> None:
    gone = f"unix://{tmp_path}/none.sock"
    done = build(runner, project(tmp_path / "app"), *flags, DOCKER_HOST=gone)
    assert done.code == code
    assert said in done.err


def test_a_daemon_behind_tcp(lab: Lab, runner: Runner, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    argv: list[str | Path] = [lab.tools.buildkitd, "--config", lab.toml, "--addr", f"tcp://{address}"]
    argv += ["--root", runner.folder / "tcp-root"]
    with Server(argv, env={"PATH": lab.tools.path()}, log=tmp_path / "log") as server:
        server.wait_for(address)
        context = project(tmp_path / "app")
        done = build(runner, context, "-o", str(tmp_path / "out"), BUILDKIT_HOST=f"tcp://{address}")
    assert done.code == 0, done.err
    assert done.record is not None
    assert done.record["engine"] == "buildctl"
    assert (tmp_path / "out" / "built.txt").read_text() == "one\n"
    done = build(runner, context, BUILDKIT_HOST=f"tcp://{address}")
    assert done.code == 3, "nobody listens there any more"
