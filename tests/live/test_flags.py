"""The awkward flags of docker build, for real: on the private engine and, where it has them, on buildx."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.lab.processes import Server, free_port
from tests.live.builders import remote_builder
from tests.live.builds import Built, build, project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

SHOW = "FROM busybox:latest AS made\nCOPY app.txt /built.txt\n"
COPY = "FROM scratch\nCOPY app.txt /built.txt\n"
MANIFESTS = ", ".join(
    f"application/vnd.{name}+json"
    for name in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


@dataclass(frozen=True)
class Engine:
    """One engine of the lab on one runner."""

    runner: Runner
    env: dict[str, str]

    def build(self, context: Path | str, *flags: str, stdin: bytes | None = None, **env: str) -> Built:
        return build(self.runner, context, *flags, stdin=stdin, **{**self.env, **env})

    def made(self, context: Path | str, *flags: str, stdin: bytes | None = None, **env: str) -> Path:
        """The result's files."""
        out = self.runner.folder / f"out-{os.urandom(4).hex()}"
        done = self.build(context, *flags, "-o", str(out), stdin=stdin, **env)
        assert done.code == 0, done.err
        return out

    def said(self, context: Path, *flags: str, **env: str) -> str:
        """What the Dockerfile's RUN wrote to /said."""
        return (self.made(context, *flags, **env) / "said").read_text()


@pytest.fixture(scope="module")
def private(warm: Runner, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    gone = f"unix://{tmp_path_factory.mktemp('none')}/none.sock"
    return Engine(warm, {"FASTBUILD_ENGINE": "private", "DOCKER_HOST": gone})


@pytest.fixture(scope="module")
def buildx(warm: Runner, daemon: Buildkitd, private: Engine) -> Engine:
    builder = remote_builder(warm, daemon.address)
    return Engine(warm, {**private.env, "FASTBUILD_ENGINE": "buildx", "BUILDX_BUILDER": builder})


@pytest.fixture(params=["private", "buildx"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return project(tmp_path / "app", COPY)


def text(folder: Path) -> str:
    return (folder / "built.txt").read_text()


def run(folder: Path, *instructions: str) -> Path:
    """A project whose RUN lines are `instructions`."""
    lines = [line if line[:4].isupper() else f"RUN {line} > /said" for line in instructions]
    return project(folder, "\n".join(("FROM busybox:latest", *lines, "")))


# where the Dockerfile and the context come from


def test_a_dockerfile_on_standard_input(engine: Engine, app: Path) -> None:
    (app / "Dockerfile").unlink()
    assert text(engine.made(app, "-f", "-", stdin=COPY.encode())) == "one\n"


def test_a_dockerfile_alone_on_standard_input(engine: Engine) -> None:
    made = engine.made("-", stdin=b"FROM busybox:latest\nRUN echo alone > /built.txt\n")
    assert text(made) == "alone\n"
    refused = engine.build("-", "-f", "other", stdin=b"FROM busybox:latest\n")
    assert refused.code == 2
    assert "two Dockerfiles" in refused.err
    assert engine.build("-", stdin=b"").code == 2


def packed(folder: Path, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        archive.add(folder, ".")
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_on_standard_input(engine: Engine, app: Path, mode: str) -> None:
    assert text(engine.made("-", stdin=packed(app, mode))) == "one\n"
    (app / "Dockerfile").rename(app / "Other")
    assert text(engine.made("-", "-f", "Other", stdin=packed(app, mode))) == "one\n"


def test_a_broken_archive_is_an_error(private: Engine, app: Path) -> None:
    assert private.build("-", stdin=packed(app)[:1600]).code == 2


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Files over HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_context_and_a_dockerfile_over_http(engine: Engine, app: Path, tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    (web / "context.tar.gz").write_bytes(packed(app, "w:gz"))
    (web / "Dockerfile.other").write_text(COPY + "COPY app.txt /other\n")
    with served(web) as url:
        assert text(engine.made(f"{url}/context.tar.gz")) == "one\n"
        assert (engine.made(app, "-f", f"{url}/Dockerfile.other") / "other").exists()
        both = engine.made(f"{url}/context.tar.gz", "-f", f"{url}/Dockerfile.other")
        assert (both / "other").exists()
        with_stdin = engine.made(f"{url}/context.tar.gz", "-f", "-", stdin=COPY.encode())
        assert text(with_stdin) == "one\n"
        gone = engine.build(app, "-f", f"{url}/none")
    assert gone.code == 2
    assert "can't be fetched" in gone.err


@contextlib.contextmanager
def repository(app: Path, folder: Path, env: dict[str, str]) -> Iterator[str]:
    """`app` committed on branch `main`, and once more below `sub`, over the git protocol."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(app)]
    project(app / "sub", COPY, app_txt="below\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], env=env, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(app), str(folder / "app.git")], env=env, check=True)
    port = free_port()
    argv = ["git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}"]
    with Server([*argv, f"--base-path={folder}", str(folder)], env=env, log=folder / "log") as server:
        server.wait_for(f"127.0.0.1:{port}")
        yield f"git://127.0.0.1:{port}/app.git"


def test_a_git_context(engine: Engine, app: Path, tmp_path: Path) -> None:
    with repository(app, tmp_path, engine.runner.env) as url:
        assert text(engine.made(url)) == "one\n"
        assert text(engine.made(f"{url}#main:sub")) == "below\n"
        other = tmp_path / "Other"
        other.write_text("FROM scratch\nCOPY sub/app.txt /built.txt\n")
        assert text(engine.made(url, "-f", str(other))) == "below\n"
        # a relative name is one of the repository, even where a file of that name lies here
        (engine.runner.folder / "Dockerfile").write_text("FROM nowhere\n")
        assert text(engine.made(url, "-f", "Dockerfile")) == "one\n"
        assert text(engine.made(url, "-f", "-", stdin=other.read_bytes())) == "below\n"
        named = project(tmp_path / "named", "FROM scratch\nCOPY --from=repo app.txt /built.txt\n")
        assert text(engine.made(named, "--build-context", f"repo={url}#main:sub")) == "below\n"
        assert engine.build(f"{url}#none").code == 1


def test_named_contexts_of_every_kind(engine: Engine, lab: Lab, app: Path, tmp_path: Path) -> None:
    library = project(tmp_path / "library", COPY, app_txt="library\n")
    dockerfile = "FROM base\nCOPY --from=lib app.txt /built.txt\n"
    context = project(tmp_path / "context", dockerfile)
    base = ("--build-context", "base=docker-image://busybox:latest")
    made = engine.made(context, *base, "--build-context", f"lib={library}")
    assert text(made) == "library\n"
    assert (made / "bin" / "busybox").exists()
    layout = tmp_path / "layout"
    done = engine.build(app, "-o", f"type=oci,dest={layout},tar=false", "-t", "x:1")
    assert done.code == 0, done.err
    (context / "Dockerfile").write_text("FROM base\n")
    for reference in (f"{layout}:1", f"{layout}@{digest_of(layout)}"):
        made = engine.made(context, "--build-context", f"base=oci-layout://{reference}")
        assert text(made) == "one\n"
    assert engine.build(context, "--build-context", f"base={tmp_path}/none").code == 2
    with served(tmp_path) as url:
        # BuildKit unpacks no archive here: the file itself is the context
        (context / "Dockerfile").write_text("FROM scratch\nCOPY --from=lib * /\n")
        made = engine.made(context, "--build-context", f"lib={url}/library/app.txt")
        assert [path.read_text() for path in made.iterdir()] == ["library\n"]


def digest_of(layout: Path) -> str:
    return str(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])


# what RUN gets


def test_secrets(engine: Engine, tmp_path: Path) -> None:
    context = run(tmp_path / "app", "--mount=type=secret,id=a --mount=type=secret,id=b cat /run/secrets/*")
    (tmp_path / "file").write_text("from a file\n")
    flags = ("--secret", "id=a,env=WORD", "--secret", f"id=b,src={tmp_path}/file")
    assert engine.said(context, *flags, WORD="from a variable\n") == "from a variable\nfrom a file\n"
    missing = engine.build(context, "--secret", f"id=b,src={tmp_path}/none")
    assert missing.code == 2
    assert "there is no file" in missing.err


ASK_AGENT = """\
FROM python:3.11-slim
RUN --mount=type=ssh,required=true <<EOF
python3 -c 'import os, socket
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ["SSH_AUTH_SOCK"])
agent.sendall(bytes((0, 0, 0, 1, 11)))  # which keys are there?
answer = agent.makefile("rb")
print(b"key-of-the-test" in answer.read(int.from_bytes(answer.read(4), "big")))' > /said
EOF
"""


def test_an_ssh_agent(engine: Engine, tmp_path: Path) -> None:
    context = project(tmp_path / "app", ASK_AGENT)
    refused = engine.build(context)
    assert refused.code == 1
    assert "ssh" in refused.err.lower()
    env, socket, key = engine.runner.env, engine.runner.folder / "agent.sock", tmp_path / "key"
    make_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "key-of-the-test", "-f", str(key)]
    subprocess.run(make_key, env=env, check=True)
    socket.unlink(missing_ok=True)
    with Server(["ssh-agent", "-D", "-a", socket], env=env, log=tmp_path / "log") as agent:
        agent.wait_for(str(socket))
        add_key = ["ssh-add", "-q", str(key)]
        subprocess.run(add_key, env={**env, "SSH_AUTH_SOCK": str(socket)}, check=True)
        assert engine.said(context, "--ssh", "default", SSH_AUTH_SOCK=str(socket)) == "True\n"
        assert engine.said(context, "--no-cache", "--ssh", f"default={socket}") == "True\n"


def test_limits_and_hosts(engine: Engine, tmp_path: Path) -> None:
    cases = {
        "grep there /etc/hosts": (("--add-host", "there:10.9.8.7"), "10.9.8.7\tthere\n"),
        "grep v6 /etc/hosts": (("--add-host", "v6=[::1]"), "::1\tv6\n"),
        "df -m /dev/shm | tail -n1 | awk '{print $2}'": (("--shm-size", "32m"), "32\n"),
        "ulimit -n": (("--ulimit", "nofile=111:222"), "111\n"),
        "ip link | grep -c ': '": (("--network", "none"), "1\n"),
    }
    for number, (script, (flags, expected)) in enumerate(cases.items()):
        assert engine.said(run(tmp_path / f"app{number}", script), *flags) == expected, script


def test_the_host_s_gateway(private: Engine, tmp_path: Path) -> None:
    context = run(tmp_path / "app", "grep gate /etc/hosts")
    assert private.said(context, "--add-host", "gate:host-gateway") == "127.0.0.1\tgate\n"


def test_the_host_s_network(private: Engine, tmp_path: Path) -> None:
    with served(project(tmp_path / "web")) as url:
        context = run(tmp_path / "app", f"wget -qO- {url}/app.txt")
        assert private.said(context, "--network", "host") == "one\n"


@pytest.mark.parametrize("flags", [("-m", "64m"), ("--cpu-shares", "100"), ("--cgroup-parent", "/fbtest")])
def test_limits_that_need_cgroups_reach_the_engine(
    engine: Engine, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    context = run(tmp_path / "app", "cat /proc/self/cgroup")
    done = engine.build(context, *flags)
    assert done.code == 0 or "cgroup" in done.err, done.err


def test_proxies_of_docker_s_configuration_reach_run(private: Engine, tmp_path: Path) -> None:
    config = json.loads((private.runner.folder / "docker" / "config.json").read_text())
    folder = tmp_path / "docker"
    folder.mkdir()
    config["proxies"] = {"default": {"httpProxy": "http://proxy:1", "noProxy": "inside"}}
    (folder / "config.json").write_text(json.dumps(config))
    context = run(tmp_path / "app", 'echo "$HTTP_PROXY $http_proxy $NO_PROXY"')
    said = private.said(context, DOCKER_CONFIG=str(folder))
    assert said == "http://proxy:1 http://proxy:1 inside\n"
    # proxies are no part of a step's key
    given = ("--no-cache", "--build-arg", "HTTP_PROXY=mine")
    said = private.said(context, *given, DOCKER_CONFIG=str(folder))
    assert said.split()[0] == "mine"


def test_build_arguments_labels_and_target(engine: Engine, tmp_path: Path) -> None:
    one = 'FROM busybox:latest AS one\nARG A\nARG B\nRUN echo "$A $B" > /said\n'
    dockerfile = f"{one}FROM busybox:latest\nRUN exit 1\n"
    context = project(tmp_path / "app", dockerfile)
    flags = ("--target", "one", "--build-arg", "A=given", "--build-arg", "B")
    assert engine.said(context, *flags, B="inherited") == "given inherited\n"
    archive = tmp_path / "image.tar"
    assert (
        engine.build(context, "--target", "ONE", "--label", "k=v", "-o", f"type=oci,dest={archive}").code == 0
    )
    assert images(archive)[0]["config"]["Labels"] == {"k": "v"}
    assert engine.build(context, "--target", "none").code == 1


# where the result goes


def images(archive: Path) -> list[dict[str, Any]]:
    """The configurations of an OCI archive's images, attestations left out."""
    with tarfile.open(archive) as outer:
        return [entry["made"] for entry in entries(outer) if "made" in entry]


def entries(outer: tarfile.TarFile) -> Iterator[dict[str, Any]]:
    """Every manifest of an OCI archive; those of images have the configuration as `made`."""
    pending = list(read(outer, "index.json")["manifests"])
    while pending:
        entry = pending.pop(0)
        found = read(outer, "blobs/" + entry["digest"].replace(":", "/"))
        pending += found.get("manifests", [])
        about = entry.get("annotations", {})
        if "layers" in found and "vnd.docker.reference.type" not in about:
            found["made"] = read(outer, "blobs/" + found["config"]["digest"].replace(":", "/"))
        yield {**found, "about": about}


def read(outer: tarfile.TarFile, name: str) -> Any:
    file = outer.extractfile(name)
    assert file is not None
    return json.load(file)


def test_every_kind_of_output(engine: Engine, app: Path, tmp_path: Path) -> None:
    kinds = ("oci", "docker", "tar")
    for kind in kinds:
        done = engine.build(app, "-t", "x:1", "-o", f"type={kind},dest={tmp_path}/{kind}")
        assert done.code == 0, done.err
    with tarfile.open(tmp_path / "tar") as archive:
        assert archive.getnames() == ["built.txt"]
    with tarfile.open(tmp_path / "docker") as archive:
        assert "manifest.json" in archive.getnames()
        assert read(archive, "manifest.json")[0]["RepoTags"] == ["x:1"]
    assert len(images(tmp_path / "oci")) == 1
    done = engine.build(app, "-o", str(tmp_path / "several"), "-o", f"type=tar,dest={tmp_path}/t2")
    assert done.code == 0, done.err
    assert text(tmp_path / "several") == "one\n"
    assert tarfile.is_tarfile(tmp_path / "t2")


@pytest.mark.parametrize("flag", ["-", "type=tar,dest=-", "type=oci,dest=-"])
def test_an_archive_on_standard_output(engine: Engine, app: Path, flag: str) -> None:
    from tests.live.builds import fastbuild

    done = fastbuild(engine.runner, "build", "-o", flag, str(app), **engine.env)
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert ("built.txt" in archive.getnames()) == ("oci" not in flag)


def test_push_with_several_tags_and_an_annotation(engine: Engine, lab: Lab, app: Path) -> None:
    name = f"{lab.registry}/pushed-{os.urandom(3).hex()}"
    done = engine.build(app, "-t", f"{name}:1", "-t", f"{name}:2", "--push", "--annotation", "k=v")
    assert done.code == 0, done.err
    digests = set()
    for tag in ("1", "2"):
        found = manifest(lab, name, tag)
        digests.add(found.headers["Docker-Content-Digest"])
        assert "manifests" in found.json(), "as with buildx, provenance makes it an index"
        one = manifest(lab, name, found.json()["manifests"][0]["digest"]).json()
        assert one["annotations"] == {"k": "v"}
    assert len(digests) == 1
    assert done.record is not None
    assert {done.record["digest"]} == digests


def manifest(lab: Lab, name: str, reference: str) -> requests.Response:
    url = f"http://{lab.registry}/v2/{name.partition('/')[2]}/manifests/{reference}"
    found = requests.get(url, headers={"Accept": MANIFESTS}, timeout=10)
    found.raise_for_status()
    return found


def kinds(outer: Path) -> list[str]:
    with tarfile.open(outer) as archive:
        return [layer["annotations"]["in-toto.io/predicate-type"] for layer in attestations(archive)]


def attestations(archive: tarfile.TarFile) -> list[dict[str, Any]]:
    about = [entry for entry in entries(archive) if "vnd.docker.reference.type" in entry["about"]]
    return [layer for entry in about for layer in entry["layers"]]


@pytest.mark.parametrize(
    ("flags", "env", "expected"),
    [
        ((), {}, 0),  # added to images in a registry only
        (("--provenance=mode=max",), {}, 1),
        (("--provenance=false",), {}, 0),
        ((), {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}, 0),
    ],
)
def test_provenance(
    engine: Engine, app: Path, tmp_path: Path, flags: tuple[str, ...], env: dict[str, str], expected: int
) -> None:
    archive = tmp_path / "image.tar"
    done = engine.build(app, *flags, "-o", f"type=oci,dest={archive}", **env)
    assert done.code == 0, done.err
    found = kinds(archive)
    assert len(found) == expected
    assert all("slsa.dev/provenance" in kind for kind in found)


def test_files_are_given_out_without_provenance(engine: Engine, app: Path) -> None:
    assert [path.name for path in engine.made(app).iterdir()] == ["built.txt"]


def test_sbom_needs_a_scanner_image(engine: Engine, app: Path, tmp_path: Path) -> None:
    done = engine.build(app, "--sbom=true", "-o", f"type=oci,dest={tmp_path}/o")
    assert done.code == 1
    assert "buildkit-syft-scanner" in done.err


def test_platforms(engine: Engine, app: Path, tmp_path: Path) -> None:
    archive = tmp_path / "one.tar"
    assert engine.build(app, "--platform", "linux/amd64", "-o", f"type=oci,dest={archive}").code == 0
    assert [image["architecture"] for image in images(archive)] == ["amd64"]
    for number, flags in enumerate(
        (("--platform", "linux/amd64,linux/arm64"), ("--platform=linux/amd64", "--platform=linux/arm64"))
    ):
        archive = tmp_path / f"both{number}.tar"
        done = engine.build(app, *flags, "-o", f"type=oci,dest={archive}")
        assert done.code == 0, done.err
        assert [image["architecture"] for image in images(archive)] == ["amd64", "arm64"]


def test_identity_files(engine: Engine, lab: Lab, app: Path, tmp_path: Path) -> None:
    name = f"{lab.registry}/identity:1"
    files = ("--iidfile", f"{tmp_path}/iid", "--metadata-file", f"{tmp_path}/metadata.json")
    done = engine.build(app, "-q", "-t", name, "--push", *files)
    assert (done.code, done.err) == (0, "")
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["containerimage.digest"].startswith("sha256:")
    assert metadata["image.name"] == name
    image = (tmp_path / "iid").read_text()
    assert done.out == f"{image}\n"
    assert image in (metadata["containerimage.digest"], metadata.get("containerimage.config.digest"))


def test_an_unpushed_image_has_an_id_too(private: Engine, app: Path) -> None:
    done = private.build(app, "-q")
    assert done.code == 0
    assert done.out.startswith("sha256:")


# questions instead of builds

WARNED = "from busybox AS made\nMAINTAINER nobody\n"


@pytest.mark.parametrize("flag", ["--check", "--call=check", "--call=lint"])
def test_check_fails_on_warnings(engine: Engine, tmp_path: Path, flag: str) -> None:
    done = engine.build(project(tmp_path / "warned", WARNED), flag)
    assert done.code == 1
    assert "WARNING: MaintainerDeprecated" in done.out
    assert done.err.rstrip().endswith("the check found 3 warnings")
    clean = engine.build(project(tmp_path / "clean"), flag)
    assert (clean.code, "WARNING" in clean.out) == (0, False)
    broken = engine.build(project(tmp_path / "broken", "FROM busybox\nCOPXY a b\n"), flag)
    assert broken.code == 4


def test_an_engine_without_findings_prints_what_buildctl_prints(
    private: Engine, daemon: Buildkitd, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", WARNED)
    where = ("--local", f"context={context}", "--local", f"dockerfile={context}")
    calls = ("--opt", "requestid=frontend.lint", "--opt", "frontend.caps=moby.buildkit.frontend.subrequests")
    raw = daemon.buildctl("build", "--frontend", "dockerfile.v0", *where, *calls)
    assert raw.returncode == 0, "buildctl now fails on warnings: our own count can go"
    assert private.build(context, "--check").out == raw.stdout


def test_outline_and_targets(engine: Engine, tmp_path: Path) -> None:
    context = project(
        tmp_path / "app", "# about made\nFROM scratch AS made\nARG COLOUR=red\nCOPY app.txt /\n"
    )
    outline = engine.build(context, "--call=outline")
    assert outline.code == 0
    assert "COLOUR" in outline.out
    targets = engine.build(context, "--call=targets")
    assert (targets.code, "made (default)" in targets.out) == (0, True)


# without the cache

STAGES = """\
FROM busybox:latest AS base
RUN cat /proc/sys/kernel/random/uuid > /base
FROM base AS middle
RUN cp /base /middle
FROM busybox:latest AS other
RUN cat /proc/sys/kernel/random/uuid > /other
FROM scratch
COPY --from=middle /base /middle /
COPY --from=other /other /
"""


def files(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in ("base", "middle", "other")}


def test_raw_no_cache_filter_serves_later_stages_from_old_results(daemon: Buildkitd, tmp_path: Path) -> None:
    context = project(tmp_path / "app", STAGES)
    found = []
    for number, flags in enumerate(((), ("--opt", "no-cache=base"), ())):
        daemon.build(context, *flags, "--output", f"type=local,dest={tmp_path}/{number}")
        found.append(files(tmp_path / str(number)))
    assert found[1] == found[0], "BuildKit now re-runs what depends on the stage: our expansion can go"


def test_no_cache_filter_is_right_here(engine: Engine, tmp_path: Path) -> None:
    context = project(tmp_path / "app", STAGES)
    before = files(engine.made(context))
    after = files(engine.made(context, "--no-cache-filter", "base"))
    assert after["base"] != before["base"]
    assert after["middle"] == after["base"]
    assert after["other"] == before["other"]
    again = files(engine.made(context))
    assert again["middle"] == again["base"]
    assert files(engine.made(context, "--no-cache"))["other"] != before["other"]


def test_pull(engine: Engine, app: Path) -> None:
    (app / "Dockerfile").write_text(SHOW)
    assert text(engine.made(app, "--pull")) == "one\n"
