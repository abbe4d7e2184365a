"""Engines for predictions: one that built the baseline, and new ones that only import its records."""

from __future__ import annotations

import contextlib
import queue
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines import buildctl
from fastbuild.engines.api import Job
from fastbuild.pipeline.foresee import foresee
from fastbuild.pipeline.prepare import Ready
from fastbuild.process import Running
from fastbuild.progress.timings import Fold
from tests.lab.engine import Buildkitd, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.cache.credentials import Credentials
    from fastbuild.paths import Paths
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.request import BuildRequest, CacheSpec
    from tests.lab.lab import Lab

MEMORY = Path("/dev/shm")
ENTITLEMENTS = 'insecure-entitlements = ["network.host"]\n'


@contextlib.contextmanager
def engine(lab: Lab) -> Iterator[Buildkitd]:
    """A daemon that has built nothing; its directory is in memory, for hundreds of them are thrown away."""
    home = Path(tempfile.mkdtemp(prefix="fbp-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with Buildkitd(
            lab.tools, ENTITLEMENTS + lab.toml_text(), env=lab.s3.env(), folder=home, snapshotter="overlayfs"
        ) as daemon:
            yield daemon
    finally:
        remove_tree(home)


class Engines:
    """New daemons, started ahead while others build."""

    def __init__(self, lab: Lab, ahead: int = 2) -> None:
        self._lab = lab
        self._ready: queue.Queue[tuple[Buildkitd, contextlib.ExitStack]] = queue.Queue()
        self._room = threading.Semaphore(ahead)
        self._ended = False
        self._thread = threading.Thread(target=self._start, daemon=True)
        self._thread.start()

    def _start(self) -> None:
        while self._room.acquire() and not self._ended:
            stack = contextlib.ExitStack()
            self._ready.put((stack.enter_context(engine(self._lab)), stack))

    @contextlib.contextmanager
    def new(self) -> Iterator[Buildkitd]:
        """One of them, for as long as the block."""
        daemon, stack = self._ready.get(timeout=120)
        self._room.release()
        with stack:
            yield daemon

    def close(self) -> None:
        """Stop those that nobody took."""
        self._ended = True
        self._room.release()
        self._thread.join()
        while not self._ready.empty():
            self._ready.get()[1].close()


@dataclass(frozen=True, kw_only=True)
class Seat:
    """Where one family's predictions and builds are made."""

    paths: Paths
    buildctl: str
    workdir: Path
    credentials: Credentials | None = None

    def job(self, daemon: Buildkitd, request: BuildRequest) -> Job:
        return Job(
            request=request,
            program=(self.buildctl, "--addr", daemon.address),
            workdir=tempfile.mkdtemp(dir=self.workdir),
            default_provenance=False,
        )

    def predict(
        self, asked: Buildkitd, request: BuildRequest, caches: tuple[CacheSpec, ...], root: Path
    ) -> Foreseen:
        """What `fastbuild predict` says, with what the daemon at `root` has in its own store."""
        request = replace(request, cache_from=caches)
        ready = Ready(job=self.job(asked, request), daemon="", root=root)
        return foresee(ready, request, self.paths, {}, self.credentials, keep_modes=True)

    def build(self, daemon: Buildkitd, request: BuildRequest, copy: str, *, fresh: bool) -> BuildTiming:
        """Build for real; `copy` names the daemon's copies of directories, so that none was sent before."""
        job = replace(
            self.job(daemon, request),
            context_name=copy,
            named_copies=tuple(
                (name, f"{copy}-{name}") for name, source in request.build_contexts if Path(source).is_dir()
            ),
        )
        fold = Fold(imports=bool(request.cache_from), store_was_empty=fresh)
        read = buildctl.reader()
        said: list[bytes] = []

        def add(line: bytes) -> None:
            said.append(line)
            for event in read(line):
                fold.add(event)

        code = Running(buildctl.build_command(job)).lines(add)
        timing = fold.timing(succeeded=code == 0)
        if code and not timing.error:
            return replace(timing, error=b"\n".join(said[-5:]).decode("utf-8", "replace"))
        return timing
