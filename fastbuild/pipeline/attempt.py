"""One run of an engine: the context's copies leased, the command run, its events folded."""

from __future__ import annotations

import math
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.context import copies
from fastbuild.context.staging import is_directory
from fastbuild.dockerfile.ignore import Ignore, ignore_file
from fastbuild.process import Running
from fastbuild.progress.events import Note
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastbuild.context.normal_copy import NormalCopy
    from fastbuild.engines.api import Engine, Job
    from fastbuild.pipeline.faults import Watch
    from fastbuild.progress.events import Event
    from fastbuild.progress.timings import Fold
    from fastbuild.request import BuildRequest

WATCH_EVERY = 0.25
"""Seconds between two looks for a stuck transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one run ended: the engine's exit code, its events' sum, and the transfer that got stuck."""

    returncode: int
    fold: Fold
    stuck: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every attempt at one build shares.

    `daemon` tells daemons apart, for each has its own copies of contexts; what was sent to each is
    kept below `copies_home`. `client` tells this user on this machine from all others.
    `cache_timeout` and `patience`, for an attempt as a whole, are in seconds. `unblock` is called after an
    attempt that got stuck. `meanwhile` is called when the engine has been started. `folds` gets each
    attempt's sum of events, `problems` a sentence for each cache that failed, also of one interrupted.
    `abandoned` is called when an attempt is interrupted while it reads a cache. Contexts are sent with git's
    modes, from copies below `normal_home`, or None: with those on disk. What is to be said once goes to
    `notes`; the permission bits sent instead of those on disk, by directory and path, to `sent_modes`; each
    directory's state when it was sent, to `scanned`. With `same_as`, directories must still have that state.
    """

    engine: Engine
    job: Job
    daemon: str
    client: str
    copies_home: Path
    cache_timeout: float
    patience: float = math.inf
    store_was_empty: bool
    on_event: Callable[[Event], None]
    on_line: Callable[[bytes], None]
    unblock: Callable[[], None] = lambda: None
    meanwhile: Callable[[], None] = lambda: None
    abandoned: Callable[[], None] = lambda: None
    folds: list[Fold] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    normal_home: Path | None = None
    notes: list[str] = field(default_factory=list)
    sent_modes: dict[Path, Mapping[str, int]] = field(default_factory=dict)
    scanned: dict[Path, copies.Index] = field(default_factory=dict)
    same_as: Mapping[Path, copies.Index] | None = None


class ContextChanged(Exception):
    """The directory `args[0]` is not as it was when the build began."""


def attempt(bench: Bench, request: BuildRequest) -> Attempt:
    """Run the engine once on `request`; returns when it has ended, or was stopped as stuck.

    Raises ContextChanged before the engine is started (see `Bench.same_as`).
    """
    with ExitStack() as stack:
        job, sent = _lease_copies(bench, replace(bench.job, request=request), stack)
        running = Running(bench.engine.build_command(job), pass_fds=tuple(sent.locks))
        try:
            return _follow(running, bench, request, sent)
        except BaseException:
            running.stop()
            raise


def _follow(running: Running, bench: Bench, request: BuildRequest, sent: _Sent) -> Attempt:
    # what reads events is imported now, while the engine works: it would delay the start
    from fastbuild.pipeline.faults import Watch
    from fastbuild.progress.timings import Fold

    watch = Watch(bench.cache_timeout, bench.patience)
    fold = Fold(imports=bool(request.cache_from), store_was_empty=bench.store_was_empty)
    bench.folds.append(fold)
    read = bench.engine.reader()
    listeners = (fold.add, watch.add, sent.add, bench.on_event)

    def on_line(line: bytes) -> None:
        bench.on_line(line)
        for event in read(line):
            for listener in listeners:
                listener(event)

    bench.meanwhile()
    with _watching(running, watch) as stuck:
        try:
            returncode = running.lines(on_line)
        except BaseException:
            if watch.importing():
                bench.abandoned()
            raise
    sent.ended = not stuck
    return Attempt(returncode=returncode, fold=fold, stuck=stuck[0] if stuck else "")


@contextmanager
def _watching(running: Running, watch: Watch) -> Iterator[list[str]]:
    ended = threading.Event()
    stuck: list[str] = []

    def look() -> None:
        while not ended.wait(WATCH_EVERY):
            what = watch.stuck()
            if what:
                stuck.append(what)
                running.stop()
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield stuck
    finally:
        ended.set()
        thread.join()


class _Sent:
    """Listens for contexts arriving at the daemon, and tells each lease at the end.

    `ended` is set when the engine ended by itself. One that was stopped may leave the daemon at work on
    its build for a moment, so its copies are not used again.
    """

    def __init__(self, leases: dict[str, copies.ContextLease]) -> None:
        self.ended = False
        self.locks: list[int] = []
        self.normal: list[NormalCopy] = []
        self._leases = leases
        self._completed: dict[str, bool] = {}

    def add(self, event: Event) -> None:
        from fastbuild.progress.events import Vertex

        if isinstance(event, Vertex) and event.name in self._leases and event.started is not None:
            self._completed[event.name] = event.completed is not None and not event.error

    def close(self) -> None:
        for name, lease in self._leases.items():
            if self.ended and name not in self._completed:
                lease.untouched()
            elif self.ended and self._completed[name]:
                lease.sent()
            lease.release()
        for copy in self.normal:
            copy.release()


def _lease_copies(bench: Bench, job: Job, stack: ExitStack) -> tuple[Job, _Sent]:
    """`job` with what to send and the names of the daemon's copies, all locked until `stack` closes."""
    leases: dict[str, copies.ContextLease] = {}
    sent = _Sent(leases)
    stack.callback(sent.close)
    if not bench.engine.KEEPS_COPIES:
        return job, sent
    request = job.request
    links = Path(job.links)
    links.mkdir(exist_ok=True)

    def lease(step: str, folder: str) -> tuple[str, str]:
        """The copy's name, and the directory that is sent."""
        here, index = _to_send(bench, request, Path(folder), sent)
        leases[step] = _lease(bench, here, index)
        sent.locks.append(leases[step].lock)
        link = links / leases[step].name
        link.unlink(missing_ok=True)
        link.symlink_to(here)
        return leases[step].name, str(here)

    if not is_remote(request.context):
        name, here = lease("[internal] load build context", request.context)
        job = replace(job, context_name=name, request=replace(job.request, context=here))
    named: list[tuple[str, str]] = []
    sources: list[tuple[str, str]] = []
    for name, source in request.build_contexts:
        here = source
        if is_directory(source):
            copy, here = lease(f"[context {name}] load from client", source)
            named.append((name, copy))
        sources.append((name, here))
    changed = replace(job.request, build_contexts=tuple(sources))
    return replace(job, request=changed, named_copies=tuple(named)), sent


def _to_send(bench: Bench, request: BuildRequest, folder: Path, sent: _Sent) -> tuple[Path, copies.Index]:
    """The directory to send for a context, which may be a copy of it, and its state."""
    index = copies.scan(folder, ignore_rules(request, folder))
    if bench.same_as is not None and bench.same_as.get(folder) != index:
        raise ContextChanged(folder)
    bench.scanned[folder] = index
    bench.sent_modes[folder] = {}
    copies.require_readable(folder, index)
    if bench.normal_home is None:
        return folder, index
    from fastbuild.pipeline.normal_context import normalised

    copy, note = normalised(folder, index, bench.normal_home)
    if note and note not in bench.notes:
        bench.notes.append(note)
        bench.on_event(Note(text=note))
    if copy is None:
        return folder, index
    bench.sent_modes[folder] = copy.modes
    sent.normal.append(copy)
    sent.locks.append(copy.lock)
    return copy.folder, copy.index


def _lease(bench: Bench, folder: Path, index: copies.Index) -> copies.ContextLease:
    import xxhash

    owner = "\0".join((bench.client, bench.daemon, str(folder.resolve())))
    return copies.lease(bench.copies_home, xxhash.xxh3_128_hexdigest(owner.encode())[:20], index)


def ignore_rules(request: BuildRequest, folder: Path) -> Ignore:
    """What BuildKit leaves out of `folder`, a context of the request. Raises UsageError for a bad pattern."""
    dockerfile = request.file if str(folder) == request.context else None
    name = ignore_file(dockerfile, lambda name: (folder / name).is_file())
    try:
        text = (folder / name).read_bytes().decode("utf-8", "surrogateescape") if name else ""
    except OSError:
        text = ""
    return Ignore.read(text, name or "")
