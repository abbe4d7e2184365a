"""The keys of operations, computed from the frontend's graph, against those that a daemon hashes."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.keys.graph import Graph, Op, read_graph
from fastbuild.keys.ops import OpKey, op_key, record_key
from tests.lab.processes import Server, free_port
from tests.live.debug_daemon import DebugDaemon, convert, debug_daemon
from tests.live.started import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

HERE = ("linux", "amd64", "") if os.uname().machine == "x86_64" else ("linux", "arm64", "")


@dataclass(frozen=True)
class Family:
    """A Dockerfile and the options of its build; `unknown` operations have keys that no graph can tell."""

    text: str
    options: tuple[str, ...] = ()
    unknown: int = 0
    """Sources other than local directories whose key must be asked of a server."""


def opts(*words: str) -> tuple[str, ...]:
    return tuple(word for pair in words for word in ("--opt", pair))


FAMILIES = {
    "plain run": Family("FROM busybox\nRUN echo one\nRUN echo two > /two\n"),
    "exec form": Family('FROM busybox\nRUN ["/bin/echo", "a & b", "<c>"]\n'),
    "no steps": Family("FROM busybox\nLABEL a=b\nCMD true\n"),
    "only files": Family("FROM scratch\nCOPY a.txt /\nCOPY src /src\n"),
    "environment": Family(
        'FROM busybox\nENV A="x & <y> > z" B="\u00fcml\u00e4ut \u2028 \U0001f600" C="tab\there"\n'
        "RUN echo \"$A $B $C 'quoted' \\\\ \u2029\"\n"
    ),
    "control characters": Family("FROM busybox\nENV A=\"\x01\x08\x0c\x1f\x7f\"\nRUN echo '\x0b\x7f'\n"),
    "arguments": Family(
        "ARG BASE=busybox\nFROM $BASE\nARG ONE=1\nARG TWO\nARG THREE=3\nRUN echo $ONE $TWO $THREE\n",
        opts("build-arg:TWO=zwei & 2", "build-arg:THREE=drei"),
    ),
    "platform arguments": Family(
        "FROM --platform=$BUILDPLATFORM busybox\nARG TARGETARCH\nARG TARGETPLATFORM\nRUN echo $TARGETARCH\n"
    ),
    "proxies": Family(
        "FROM busybox\nRUN echo proxied\n",
        opts("build-arg:HTTP_PROXY=http://127.0.0.1:9", "build-arg:no_proxy=x,y", "build-arg:ALL_PROXY=z"),
    ),
    "user": Family("FROM debian:bookworm-slim\nUSER daemon\nRUN id\nUSER 1000:1000\nRUN id\n"),
    "workdir": Family(
        "FROM debian:bookworm-slim\nWORKDIR /a/b\nWORKDIR c\nRUN pwd\nUSER daemon\nWORKDIR /mine\nRUN pwd\n"
    ),
    "workdir with a time": Family(
        "FROM busybox\nWORKDIR /a/b\nRUN pwd\n", opts("build-arg:SOURCE_DATE_EPOCH=1700000000")
    ),
    "shell": Family(
        'FROM debian:bookworm-slim\nSHELL ["/bin/bash", "-euo", "pipefail", "-c"]\nRUN echo ${HOME^^}\n'
    ),
    "cache mounts": Family(
        "FROM busybox\n"
        "RUN --mount=type=cache,target=/root/.cache echo default\n"
        "RUN --mount=type=cache,target=/root/.cache,id=/root/.cache echo same\n"
        "RUN --mount=type=cache,target=/root/.cache,id=mine echo named\n"
        "RUN --mount=type=cache,target=/root/.cache,sharing=locked echo locked\n"
        "RUN --mount=type=cache,target=/root/.cache,sharing=private,readonly,uid=1,gid=2,mode=0700 echo p\n"
        "RUN --mount=type=cache,target=/c,from=busybox,source=/etc echo from\n"
    ),
    "cache mounts in a name space": Family(
        "FROM busybox\nRUN --mount=type=cache,target=/c echo ns\n"
        "RUN --mount=type=cache,target=/c,id=x echo ns\n",
        opts("build-arg:BUILDKIT_CACHE_MOUNT_NS=team"),
    ),
    "secrets": Family(
        "FROM busybox\n"
        "RUN --mount=type=secret,id=token cat /run/secrets/token\n"
        "RUN --mount=type=secret,id=token,target=/t,mode=0444,uid=3,gid=4,required=true cat /t\n"
        "RUN --mount=type=secret,id=token,env=TOKEN true\n"
        "RUN --mount=type=secret,id=absent true\n",
        ("--secret", "id=token,src={token}"),
    ),
    "ssh": Family(
        "FROM busybox\nRUN --mount=type=ssh true\n"
        "RUN --mount=type=ssh,id=other,target=/agent,mode=0666,uid=5,gid=6 true\n"
    ),
    "tmpfs": Family(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/t true\nRUN --mount=type=tmpfs,target=/t,size=2m true\n"
    ),
    "binds": Family(
        "FROM busybox AS made\nRUN mkdir -p /out/deep && echo x > /out/deep/f\nFROM busybox\n"
        "RUN --mount=target=/ctx ls /ctx\n"
        "RUN --mount=type=bind,source=src,target=/src cat /src/b.txt\n"
        "RUN --mount=type=bind,source=a.txt,target=/a.txt cat /a.txt\n"
        "RUN --mount=from=made,target=/made ls /made\n"
        "RUN --mount=from=made,source=/out,target=/o --mount=from=made,source=/out/deep,target=/d ls /o /d\n"
        "RUN --mount=from=made,source=out,target=/o,rw touch /o/new\n"
    ),
    "everything mounted": Family(
        "FROM busybox AS made\nRUN echo x > /x\nFROM busybox\n"
        "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=secret,id=token "
        "--mount=type=ssh --mount=from=made,source=/x,target=/x --mount=source=a.txt,target=/a cat /x /a\n",
        ("--secret", "id=token,src={token}"),
    ),
    "network": Family(
        "FROM busybox\nRUN --network=none true\nRUN --network=host true\nRUN --network=default true\n",
        ("--allow", "network.host"),
    ),
    "no network for all": Family("FROM busybox\nRUN echo 1\n", opts("force-network-mode=none")),
    "insecure": Family("FROM busybox\nRUN --security=insecure true\n", ("--allow", "security.insecure")),
    "limits": Family(
        "FROM busybox\nRUN ulimit -n\n",
        opts("ulimit=nofile=100:200,core=0:0", "shm-size=67108864", "memory=268435456"),
    ),
    "cgroup": Family("FROM busybox\nRUN echo parent\n", opts("cgroup-parent=fastbuild-test")),
    "hosts": Family("FROM busybox\nRUN cat /etc/hosts\n", opts("add-hosts=db=10.0.0.1,api=10.0.0.2,v6=::1")),
    "hostname": Family("FROM busybox\nRUN hostname\n", opts("hostname=builder")),
    "heredocs": Family(
        "FROM busybox\nRUN <<EOF\necho one & wait\necho two\nEOF\n"
        "RUN cat <<A > /both\necho first\nA\nRUN <<EOF\n#!/bin/sh\necho script\nEOF\n"
        'COPY <<EOF /made\ntext <with> & $HOME\nEOF\nCOPY <<"EOF" <<F /dir/\nraw $HOME\nEOF\nmore\nF\n'
    ),
    "copies": Family(
        "FROM busybox\nCOPY a.txt /\nCOPY a.txt /dir/\nCOPY ./src/ /src\nCOPY src/b.txt a.txt /two/\n"
        'COPY . /all\nCOPY ["with space", "/x y/"]\nCOPY missing* a.txt /m/\nCOPY src/deep/../b.txt /n\n'
    ),
    "wildcards": Family(
        "FROM busybox\nCOPY *.txt /w/\nCOPY src/*/d.txt /x/\nCOPY a.tx[t] src/b.* /y/\nCOPY s?c /z/\n"
    ),
    "owners by number": Family(
        "FROM busybox\nCOPY --chown=1 a.txt /1\nCOPY --chown=0:0 a.txt /2\nCOPY --chown=7:8 src /3\n"
    ),
    "owners by name": Family(
        "FROM debian:bookworm-slim\nCOPY --chown=daemon a.txt /1\nCOPY --chown=daemon:daemon src /2\n"
        "COPY --chown=1:daemon a.txt /3\nCOPY --from=busybox --chown=daemon /etc/group /4\n"
    ),
    "modes": Family(
        "FROM busybox\nCOPY --chmod=755 a.txt /1\nCOPY --chmod=u+x,go-w src /2\nCOPY --chmod=0 a.txt /3\n"
        "ARG MODE=644\nADD --chmod=$MODE a.txt /4\n"
    ),
    "links": Family(
        "FROM busybox AS made\nRUN echo x > /x\nFROM busybox\n"
        "COPY --link a.txt /1\nCOPY --link --chown=1:2 src /2/\n"
        "COPY --link --from=made /x /3\nRUN cat /1 /3\nADD --link e.tar.gz /4/\n"
    ),
    "parents": Family(
        "FROM busybox\nCOPY --parents src/deep/d.txt /p/\n"
        "COPY --parents src/./deep/*.txt a.txt /q/\nCOPY --parents **/*.txt /r/\n"
    ),
    "excluded": Family(
        "FROM busybox\nCOPY --exclude=*.txt src /1\nCOPY --exclude=deep --exclude=c.py src /2\n"
        "COPY --exclude=*.py --parents src /3\nADD --exclude=*.py src /4\n"
    ),
    "ADD of local files": Family(
        "FROM busybox\nADD a.txt /1\nADD e.tar.gz /2/\n"
        "ADD --unpack=false e.tar.gz /3/\nADD --chown=1:2 src e.tar.gz /4/\n"
    ),
    "ADD of a URL with a checksum": Family(
        "FROM busybox\nADD --checksum=sha256:{sum} http://{host}/file.bin /1\n"
        "ADD --checksum=sha256:{sum} --chmod=600 --chown=1:2 http://{host}/some%20dir/file.bin?x=y#z /2/\n"
        "ADD --checksum=sha256:{sum} --unpack=true http://{host}/file.bin /3/\n"
    ),
    "ADD of a URL": Family("FROM busybox\nADD http://{host}/file.bin /1\n", unknown=1),
    "ADD of a commit": Family(
        "FROM busybox\nADD {git}#{commit} /1\nADD --keep-git-dir=true {git}#{commit} /2\n"
        "ADD {git}#{commit}:dir /3\nADD {git}?ref=main&checksum={commit}&submodules=false&subdir=dir /4\n"
        "ADD {git}?ref=main&checksum={commit}&fetch-by-commit=true /5\n"
        "ADD {git}?ref=main&checksum={commit}&fetch-by-commit=true&keep-git-dir=true&mtime=commit /6\n",
        unknown=1,
    ),
    "ADD of a branch": Family("FROM busybox\nADD {git}#main /1\n", unknown=1),
    "stages": Family(
        "FROM busybox AS one\nRUN echo 1 > /1\nFROM one AS two\nRUN echo 2 > /2\n"
        "FROM python:3.11-slim AS three\nCOPY --from=one /1 /1\n"
        "COPY --from=two /1 /2 /both/\nRUN python3 -V\n"
        "FROM scratch\nCOPY --from=three /etc /etc\n"
        "COPY --from=0 /1 /again\nCOPY --from=busybox:stable /bin/sh /sh\n"
    ),
    "target": Family("FROM busybox AS one\nRUN echo 1\nFROM one AS two\nRUN exit 1\n", opts("target=one")),
    "ONBUILD": Family(
        "FROM busybox AS base\nONBUILD RUN echo triggered\nONBUILD COPY a.txt /triggered\nONBUILD ENV X=1\n"
        "FROM base\nRUN echo $X\n"
    ),
    "named contexts": Family(
        "FROM base AS one\nCOPY --from=files b.txt /b\nFROM one\nRUN --mount=from=files,target=/f ls /f\n",
        (
            *opts("context:base=docker-image://debian:bookworm-slim", "context:files=local:files"),
            *("--local", "files={context}/src"),
        ),
        unknown=1,
    ),
    "OCI layout": Family(
        "FROM base\nRUN echo from a layout\nCOPY --from=base /etc/passwd /x\n",
        (*opts("context:base=oci-layout://layout@{layout}"), "--oci-layout", "layout={oci}"),
    ),
    "no cache": Family(
        "FROM busybox AS one\nRUN echo 1\nFROM busybox\nCOPY --from=one /bin/sh /x\n", opts("no-cache=one")
    ),
    "by digest": Family("FROM busybox@{busybox}\nRUN echo pinned\n"),
    "other platform": Family(
        "FROM --platform=linux/arm64/v8 busybox AS foreign\nFROM busybox\nCOPY --from=foreign /bin/sh /x\n"
    ),
    "check directive": Family("# check=skip=all\n# escape=`\nFROM busybox\nRUN echo a `\n && echo b\n"),
}


@dataclass(frozen=True)
class Bench:
    """A daemon, a context, and the values for the braces in a family."""

    daemon: DebugDaemon
    context: Path
    values: dict[str, str]

    def project(self, family: Family) -> tuple[Path, list[str]]:
        """The context with the family's Dockerfile, and buildctl's options."""
        (self.context / "Dockerfile").write_text(self.filled(family.text), encoding="utf-8")
        return self.context, [self.filled(option) for option in family.options]

    def filled(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", value)
        return text


@pytest.fixture(scope="module")
def bench(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("keys")
    toml = 'insecure-entitlements = ["network.host", "security.insecure"]\n' + lab.toml_text()
    context = _context(folder / "context")
    with debug_daemon(lab, toml=toml) as daemon, _web(folder / "web") as host, _git(folder / "git") as git:
        values = {
            "host": host,
            "sum": hashlib.sha256(b"bytes of a file").hexdigest(),
            "context": str(context),
        }
        values |= git | _layout(daemon, folder)
        (folder / "token").write_text("hush")
        values["token"] = str(folder / "token")
        yield Bench(daemon, context, values)


def _context(folder: Path) -> Path:
    (folder / "src/deep").mkdir(parents=True)
    (folder / "with space").mkdir()
    for name in ("a.txt", "src/b.txt", "src/c.py", "src/deep/d.txt", "with space/f"):
        (folder / name).write_text(f"content of {name}\n")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.add(folder / "a.txt", "inside.txt")
    (folder / "e.tar.gz").write_bytes(gzip.compress(raw.getvalue(), mtime=0))
    return folder


@contextmanager
def _web(folder: Path) -> Iterator[str]:
    """A web server's host and port."""
    for name in ("file.bin", "some dir/file.bin"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"bytes of a file")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def _git(folder: Path) -> Iterator[dict[str, str]]:
    """A served repository: its address and commit."""
    work = folder / "repo.git"
    (work / "dir").mkdir(parents=True)
    (work / "dir/file").write_text("in git\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", *who, *words], cwd=work, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True
    )
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=work, check=True)
    port = free_port()
    argv = [
        "git",
        "daemon",
        "--export-all",
        "--listen=127.0.0.1",
        f"--port={port}",
        f"--base-path={folder}",
        str(folder),
    ]
    with Server(argv, env=os.environ, log=folder / "git.log") as server:
        server.wait_for(f"127.0.0.1:{port}")
        yield {"git": f"git://127.0.0.1:{port}/repo.git", "commit": commit.stdout.strip()}


def _layout(daemon: DebugDaemon, folder: Path) -> dict[str, str]:
    """An OCI layout of busybox, and the digests of both."""
    source = folder / "layout-source"
    source.mkdir()
    (source / "Dockerfile").write_text("FROM busybox\n")
    said = daemon.build(source, "--output", f"type=oci,tar=false,dest={folder / 'oci'}")
    index = json.loads((folder / "oci/index.json").read_text())
    busybox = next(word for word in said.split() if "busybox:latest@sha256:" in word)
    return {
        "oci": str(folder / "oci"),
        "layout": index["manifests"][0]["digest"],
        "busybox": busybox.partition("@")[2],
    }


@dataclass(frozen=True)
class Compared:
    """A graph, its keys by operation, and what the daemon hashed: before the build and after."""

    graph: Graph
    keys: dict[str, OpKey | None]
    before: dict[str, bytes]
    after: dict[str, bytes]
    links: set[tuple[str, int, str]]
    """Record key of the child, number of the input, selector: of every link in the store."""

    def known(self) -> Iterator[tuple[Op, OpKey]]:
        """The operations whose key was computed."""
        for op in self.graph.ops:
            key = self.keys[op.digest]
            if key is not None:
                yield op, key


def compare(bench: Bench, family: Family) -> Compared:
    context, options = bench.project(family)
    before = bench.daemon.plaintexts()
    asked = convert(bench.daemon, context, *options)
    assert asked.code == 0, asked.err
    graph = read_graph(asked.out)
    bench.daemon.build(context, *options)
    links = {
        (link["digest"], link["input"], link.get("selector", ""))
        for record in bench.daemon.store()
        for link in record.get("parents") or ()
    }
    keys = {op.digest: op_key(op, HERE) for op in graph.ops}
    return Compared(graph, keys, before, settled(bench.daemon, keys), links)


def settled(daemon: DebugDaemon, keys: dict[str, OpKey | None]) -> dict[str, bytes]:
    """What the daemon hashed, which it writes down in the background, when all `keys` are there."""
    wanted = {key.digest for key in keys.values() if key}
    wait_until(lambda: wanted <= daemon.plaintexts().keys(), 60)
    return daemon.plaintexts()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_daemon_hashes_and_links_exactly_what_was_computed(bench: Bench, name: str) -> None:
    found = compare(bench, FAMILIES[name])
    assert_hashed(found, FAMILIES[name].unknown)
    for op, key in found.known():
        assert_linked(found, op, key)


def assert_hashed(found: Compared, unknown: int) -> None:
    """Every key was hashed from the same text, and no operation was hashed that was not computed."""
    open_keys = [op for op in found.graph.ops if found.keys[op.digest] is None]
    assert len([op for op in open_keys if not is_local(op.body)]) == unknown
    for op, key in found.known():
        assert found.after.get(key.digest, b"").decode() == key.plaintext, op.name
    assert any(found.known())
    hashed = {digest for digest, text in found.after.items() if text.startswith(b'{"Type":"buildkit.')}
    assert hashed - found.before.keys() <= {key.digest for _, key in found.known()}


def assert_linked(found: Compared, op: Op, key: OpKey) -> None:
    """Its record is linked to each input's by key under the selector, and by content where that counts."""
    record = record_key(key.digest, 0)
    for number, given in enumerate(key.inputs):
        selectors = {selector for child, i, selector in found.links if (child, i) == (record, number)}
        assert selectors, (op.name, number)
        assert selectors <= {given.selector, *([""] if given.selections is not None else [])}, op.name
        if found.keys[op.inputs[number][0]] is not None:
            assert given.selector in selectors, (op.name, number)


def is_local(body: Any) -> bool:
    return str(body.get("identifier", "")).startswith("local://")
