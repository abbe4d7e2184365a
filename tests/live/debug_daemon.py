"""A buildkitd that tells its cache keys: the ground truth for everything that predicts them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.lab.engine import Buildkitd
from tests.lab.processes import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.tools import Tools


class DebugDaemon(Buildkitd):
    """A daemon that keeps the plain text of every key it computes.

    ``root`` and ``address`` are those of any lab daemon; the store on disk is ``root/cache.db``.
    """

    def __init__(self, tools: Tools, toml: str, *, env: Mapping[str, str] | None = None) -> None:
        self._port = free_port()
        super().__init__(tools, toml, env=env)

    def start(self) -> None:
        """Start on the same root: after ``stop_daemon`` or ``kill`` the cache is still there."""
        argv: list[str | Path] = [self._tools.buildkitd, "--config", self._config]
        argv += ["--root", self.root, "--addr", self.address, "--oci-worker-snapshotter", self._snapshotter]
        argv += ["--save-cache-debug", "--debugaddr", f"127.0.0.1:{self._port}"]
        self._server = Server(argv, env=self.env, log=self.log)
        self._server.wait_for(str(self.socket))
        self._server.wait_for(f"127.0.0.1:{self._port}")

    def store(self) -> list[dict[str, Any]]:
        """All records of the local cache: id, digest, parents, children, debug."""
        return list(self._get("/debug/cache/store"))

    def plaintexts(self) -> dict[str, bytes]:
        """Digest → what was hashed, of everything the daemon ever hashed as one piece.

        Files are left out: of those the daemon keeps only the header.
        """
        found = {}
        for record in self._get("/debug/cache/all") or ():
            digest, text = str(record["digest"]), _data(record)
            # BuildKit sends memory that it has given back: what was overwritten meanwhile is asked again
            for _ in range(5):
                if text is None or f"sha256:{hashlib.sha256(text).hexdigest()}" == digest:
                    break
                text = _data(self._get(f"/debug/cache/lookup?digest={digest}"))
            else:
                text = None
            if text is not None:
                found[digest] = text
        return found

    def _get(self, path: str) -> Any:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", headers={"Accept": "application/json"}
        )
        # The debug address is never behind the host's proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=60) as answer:
            return json.load(answer)


def _data(record: dict[str, Any]) -> bytes | None:
    frames = record.get("data") or ()
    if any(frame["type"] != 2 for frame in frames):
        return None
    return b"".join(base64.b64decode(frame.get("data", "")) for frame in frames)


@dataclass(frozen=True)
class Asked:
    """What a frontend answered about a Dockerfile instead of building it."""

    code: int
    out: str
    err: str


def convert(daemon: Buildkitd, context: Path, *options: str, env: Mapping[str, str] | None = None) -> Asked:
    """The graph of a context's Dockerfile as the frontend itself converts it, with buildctl's options."""
    done = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0", "--progress", "plain"),
        *("--local", f"context={context}", "--local", f"dockerfile={context}"),
        *("--opt", "requestid=frontend.convertllb"),
        *("--opt", "frontend.caps=moby.buildkit.frontend.subrequests"),
        *options,
        env={**os.environ, **(env or {})},
    )
    return Asked(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def debug_daemon(lab: Lab, *, toml: str = "") -> Iterator[DebugDaemon]:
    """A fresh debug daemon that uses the lab's registry and S3, for as long as the block."""
    with DebugDaemon(lab.tools, toml or lab.toml_text(), env=lab.s3.env()) as daemon:
        yield daemon
