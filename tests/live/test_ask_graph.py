"""Asking an engine for a build's graph, and that a build of the same request hashes the same keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.engines import buildctl, buildx, detect
from fastbuild.engines.api import Job
from fastbuild.errors import BuildFailed, DockerfileSyntax, EngineError, UsageError
from fastbuild.keys.graph import read_graph
from fastbuild.keys.merge import merge
from fastbuild.keys.ops import op_key
from fastbuild.paths import Paths
from fastbuild.pipeline import prepare
from fastbuild.pipeline.ask_graph import graph_text, graph_texts
from fastbuild.pipeline.attempt import Bench, attempt
from fastbuild.request import BuildRequest
from tests.live.builders import remote_builder
from tests.live.debug_daemon import DebugDaemon, debug_daemon
from tests.live.started import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.engines.api import Engine
    from fastbuild.keys.graph import Graph
    from fastbuild.progress.timings import BuildTiming
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

TEXT = """\
# check=error=true;skip=InvalidBaseImagePlatform
FROM busybox AS one
ARG TARGETARCH
ARG TARGETVARIANT
ARG GIVEN=1
RUN echo "$GIVEN for $TARGETARCH$TARGETVARIANT"
FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo tools
FROM one AS two
COPY --from=tools /bin/sh /sh
COPY a.txt /
WORKDIR /w
FROM two
RUN echo last
"""
NAMED = """\
FROM base AS one
RUN echo one
FROM one
COPY --from=files b.txt /b
RUN --mount=from=files,target=/f ls /f
"""
CROSS = """\
FROM --platform=$BUILDPLATFORM busybox AS tools
COPY a.txt /
RUN echo shared
ARG TARGETARCH
COPY files /files
RUN echo "for $TARGETARCH"
COPY a.txt /again
FROM busybox
COPY --from=tools /files /files
"""
SCRATCH = """\
FROM --platform=$BUILDPLATFORM scratch AS one
COPY a.txt /
FROM one
ARG TARGETARCH
COPY files /files
COPY a.txt /$TARGETARCH/
WORKDIR /w
"""
REQUESTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "arguments": {"build_args": (("GIVEN", "2 & 3"), ("FROM_ENVIRONMENT", None))},
    "target": {"target": "two"},
    "own platform": {"platforms": ("linux/amd64",)},
    "other platform": {"platforms": ("linux/arm64/v8",)},
    "platform with a variant": {"platforms": ("linux/arm/v6",)},
    "two platforms": {"platforms": ("linux/arm64", "linux/amd64")},
    "three platforms": {"platforms": ("linux/386", "linux/arm/v7", "linux/arm64/v8")},
    "network": {"network": "none"},
    "hosts": {"add_hosts": (("db", "10.0.0.1"), ("api", "10.0.0.2"))},
    "limits": {"ulimits": ("nofile=100:200",), "shm_size": 1 << 26, "resources": (("memory", "268435456"),)},
    "labels": {"labels": (("a", "b"),)},
    "no cache": {"no_cache": True},
    "no cache for a stage": {"no_cache_filter": ("one",)},
    "pull": {"pull": True},
    "results": {"tags": ("x:1",), "attests": ("type=provenance,mode=max",)},
}


@dataclass(frozen=True)
class Asking:
    """An engine on a daemon that tells its keys, and a project."""

    engine: Engine
    job: Job
    daemon: DebugDaemon
    folder: Path

    def request(self, text: str = TEXT, **fields: Any) -> BuildRequest:
        (self.folder / "Dockerfile").write_text(text)
        return BuildRequest(context=str(self.folder), file=str(self.folder / "Dockerfile"), **fields)

    def ask(self, request: BuildRequest) -> Graph:
        texts = graph_texts(replace(self.job, request=request), request)
        return merge([read_graph(text) for text in texts])

    def build(self, request: BuildRequest) -> BuildTiming:
        bench = Bench(
            engine=self.engine,
            job=self.job,
            daemon="debug",
            client="test",
            copies_home=self.folder.parent / "copies",
            cache_timeout=60,
            store_was_empty=False,
            on_event=lambda _: None,
            on_line=lambda _: None,
        )
        made = attempt(bench, request)
        assert made.returncode == 0, made.fold.timing().text
        return made.fold.timing()


@pytest.fixture(scope="module")
def daemon(lab: Lab) -> Iterator[DebugDaemon]:
    with debug_daemon(lab) as started:
        yield started


@pytest.fixture(scope="module")
def builder(warm: Runner, daemon: DebugDaemon) -> str:
    return remote_builder(warm, daemon.address)


@pytest.fixture(params=["buildctl", "buildx"])
def asking(
    request: pytest.FixtureRequest,
    lab: Lab,
    daemon: DebugDaemon,
    warm: Runner,
    builder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Asking:
    engine: Engine = buildctl
    program: tuple[str, ...] = (str(lab.tools.buildctl), "--addr", daemon.address)
    if request.param == "buildx":
        engine, program = buildx, ("docker", "buildx")
        for name, value in warm.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BUILDX_BUILDER", builder)
    project, workdir = tmp_path / "project", tmp_path / "work"
    (project / "files").mkdir(parents=True)
    workdir.mkdir()
    (project / "a.txt").write_text("a\n")
    (project / "files/b.txt").write_text("b\n")
    job = Job(request=BuildRequest(context=str(project)), program=program, workdir=str(workdir))
    return Asking(engine, job, daemon, project)


def keys_of(graph: Graph) -> dict[str, str]:
    """The names of steps by the digests of their keys; of all that are no local files."""
    found = {}
    for op in graph.ops:
        key = op_key(op, ("linux", "amd64", ""))
        assert key or op.body["identifier"].startswith("local://"), op.name
        if key:
            found[key.digest] = op.name
    return found


def assert_hashed(asking: Asking, request: BuildRequest) -> None:
    """A build of the request hashes every key that was foreseen, and no operation besides."""
    before = asking.daemon.plaintexts().keys()
    foreseen = keys_of(asking.ask(request))
    asking.build(request)
    assert wait_until(lambda: foreseen.keys() <= asking.daemon.plaintexts().keys(), 60)
    after = asking.daemon.plaintexts()
    operations = {digest for digest, text in after.items() if text.startswith(b'{"Type":"buildkit.')}
    assert operations - before <= foreseen.keys()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_build_hashes_the_keys_that_were_asked_for(asking: Asking, name: str) -> None:
    assert_hashed(asking, asking.request(**REQUESTS[name]))


def test_named_contexts_have_keys_too(asking: Asking) -> None:
    contexts = (("base", "docker-image://debian:bookworm-slim"), ("files", str(asking.folder / "files")))
    assert_hashed(asking, asking.request(NAMED, build_contexts=contexts))


@pytest.mark.parametrize("platforms", [("linux/amd64", "linux/arm64/v8"), ("linux/arm", "linux/386")])
@pytest.mark.parametrize("text", [TEXT, CROSS, SCRATCH])
def test_steps_of_several_platforms_have_the_names_that_a_build_shows(
    asking: Asking, text: str, platforms: tuple[str, ...]
) -> None:
    request = asking.request(text, platforms=platforms)
    shown = {step.name for step in asking.build(request).steps}
    asked = [op for op in asking.ask(request).ops if "] " in op.name and "internal" not in op.name]
    assert len(shown) == len(asked)
    for op in asked:
        assert len(shown & {op.name, *op.also}) == 1, op.name
    assert any(op.also for op in asked) is (text is not TEXT)


def test_a_single_graph_is_asked_of_a_single_platform(asking: Asking) -> None:
    request = asking.request(platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(UsageError, match=r"linux/amd64,linux/arm64 can't be told.*"):
        graph_text(replace(asking.job, request=request), request)


def test_steps_without_cache_are_marked(asking: Asking) -> None:
    graph = asking.ask(asking.request(no_cache_filter=("one",)))
    marked = {op.name for op in graph.ops if op.ignore_cache}
    assert marked == {'[one 2/2] RUN echo "1 for amd64"'}


def test_asking_builds_nothing_and_leaves_no_results(asking: Asking) -> None:
    asking.ask(asking.request("FROM busybox\nRUN echo never built\n", tags=("x:1",)))
    assert not any(b"never built" in text for text in asking.daemon.plaintexts().values())
    assert not Path(asking.job.metadata_file).exists()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("FROM busybox\nRUN <<EOF\n", DockerfileSyntax, "unterminated heredoc"),
        ("FROM busybox\nCOPPY a b\n", DockerfileSyntax, "unknown instruction: COPPY"),
        ("", DockerfileSyntax, "the Dockerfile cannot be empty"),
        ("FROM no-such-image\n", BuildFailed, "no-such-image"),
    ],
)
def test_errors_are_those_of_a_build(asking: Asking, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        asking.ask(asking.request(text))


def test_a_stage_that_is_not_there_is_an_error(asking: Asking) -> None:
    with pytest.raises(BuildFailed, match='target stage "nowhere" could not be found'):
        asking.ask(asking.request(target="nowhere"))


@pytest.mark.parametrize(
    ("text", "platforms"),
    [
        ("FROM scratch\nCOPY --from=busybox / /\nRUN true\n", ("linux/amd64", "linux/arm64")),
        ("FROM busybox\nCOPY --from=debian:bookworm-slim /etc/passwd /x\n", ("linux/arm64",)),
        ("FROM busybox\nRUN --mount=from=debian:bookworm-slim,target=/d ls /d\n", ("linux/arm64",)),
        ("FROM scratch\nCOPY --from=busybox / /\nRUN true\n", ("linux/arm64",)),
        (
            "FROM --platform=$BUILDPLATFORM busybox AS t\nFROM busybox\nCOPY --from=busybox /bin/sh /\n"
            "COPY --from=t /bin/sh /t\n",
            ("linux/arm64",),
        ),
    ],
)
def test_a_platform_that_the_frontend_would_not_answer_for_is_refused(
    asking: Asking, text: str, platforms: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="can't be told without building"):
        asking.ask(asking.request(text, platforms=platforms))


def test_the_private_engine_answers_with_the_same_keys(
    asking: Asking, warm: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in warm.env.items():
        monkeypatch.setenv(name, value)
    paths, request = Paths.from_environ(warm.env, os.getuid()), asking.request()
    choice = detect.choose("private", "", warm.env, paths)
    config = warm.env["FASTBUILD_ENGINE_CONFIG"]
    with prepare.ready(choice, request, Path(asking.job.workdir), paths, warm.env, config=config) as ready:
        assert keys_of(read_graph(graph_text(ready.job, request))) == keys_of(asking.ask(request))


def test_a_daemon_that_is_gone_is_an_error(asking: Asking) -> None:
    gone = replace(asking.job, program=(os.path.realpath("/bin/false"), "--addr", "unix:///nowhere"))
    with pytest.raises(EngineError):
        graph_text(gone, asking.request())


def test_the_classic_builder_has_no_graph(asking: Asking) -> None:
    with pytest.raises(EngineError, match="does not tell its build graph"):
        graph_text(replace(asking.job, program=("docker",)), asking.request())
