"""What a build took, folded from events: a `StepTiming` for each step, an `OtherTiming` for all else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.progress.events import Log, Note, Text, Transfer, Vertex, Warning
from fastbuild.progress.grouping import groups, is_step
from fastbuild.progress.rawjson import StepKind, StepName
from fastbuild.progress.vertices import Track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastbuild.dockerfile.steps import StepLines
    from fastbuild.progress.events import Event


class Status(StrEnum):
    """How a step ended. Only the three `hit…` are cache hits; `skipped` was never looked up."""

    RAN = "ran"
    HIT_LOCAL = "hit_local"
    HIT_REMOTE = "hit_remote"
    HIT = "hit"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_REACHED = "not_reached"
    SOURCE = "source"
    UNKNOWN = "unknown"


HITS = frozenset({Status.HIT_LOCAL, Status.HIT_REMOTE, Status.HIT})
FOUND = HITS | {Status.SKIPPED}
"""What a build did not have to do again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTiming:
    """One instruction. `execute`, `download`, `unpack`, `transfer` and `other`: seconds, never overlapping.

    `id` is the vertex' digest: equal within one build only. `other` is looking up, resolving, waiting and
    linking; `execute` is 0 unless the step was executed. `line` is None when it is not certain.
    `size` is the bytes of its layer, None where unknown or without one: of the blob that is pushed if
    `compressed`, else unpacked.
    """

    id: str
    name: str
    stage: str
    index: int
    platform: str
    line: int | None
    instruction: str
    status: Status
    execute: float = 0.0
    download: float = 0.0
    unpack: float = 0.0
    transfer: float = 0.0
    other: float = 0.0
    bytes_downloaded: int = 0
    started: float | None = None
    completed: float | None = None
    error: str = ""
    log_tail: str = ""
    size: int | None = None
    compressed: bool | None = None

    @property
    def seconds(self) -> float:
        """All parts together."""
        return self.execute + self.download + self.unpack + self.transfer + self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherTiming:
    """What is no instruction: the context's transfer, metadata, cache import and export, export, push, load.

    `kind` is a `StepKind`; a push inside an export is a line of its own, and taken off the export's seconds.
    `bytes` counts what the engine reported; BuildKit reports none for pushes and exports.
    """

    kind: StepKind
    name: str
    seconds: float
    bytes: int = 0
    started: float | None = None
    completed: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Steps by how they ended. `steps` leaves out FROM and other sources; `hits` is the sum of the three."""

    steps: int
    ran: int
    hit_local: int
    hit_remote: int
    hit: int
    skipped: int
    failed: int
    cancelled: int
    not_reached: int
    unknown: int

    @property
    def hits(self) -> int:
        """Steps found in a cache, wherever it was."""
        return self.hit_local + self.hit_remote + self.hit


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTiming:
    """A whole build. `started` and `completed` are the first and last moments the engine reported."""

    started: float | None = None
    completed: float | None = None
    steps: tuple[StepTiming, ...] = ()
    others: tuple[OtherTiming, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[Warning, ...] = ()
    error: str = ""

    @property
    def seconds(self) -> float:
        """From the engine's first to its last report; 0 when there was none."""
        return 0.0 if self.started is None or self.completed is None else self.completed - self.started

    def counts(self) -> Counts:
        """How many steps ended how."""
        statuses = [step.status for step in self.steps if step.status is not Status.SOURCE]
        by_status = {str(s): statuses.count(s) for s in Status if s is not Status.SOURCE}
        return Counts(steps=len(statuses), **by_status)


class Fold:
    """Adds up the events of one build.

    `imports` says whether remote caches were read, `store_was_empty` whether the engine began without any
    result of its own: together they tell where a hit came from.
    """

    def __init__(self, *, imports: bool, store_was_empty: bool) -> None:
        self._imports = imports
        self._store_was_empty = store_was_empty
        self._tracks: dict[str, Track] = {}
        self._text: list[str] = []
        self._notes: list[str] = []
        self._warnings: list[Warning] = []

    def add(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case Vertex():
                self._track(event.id).add_vertex(event)
            case Transfer():
                self._track(event.step).add_transfer(event)
            case Log():
                self._track(event.step).add_log(event.text)
            case Warning():
                self._warnings.append(event)
            case Text():
                self._text.append(event.text)
            case Note():
                self._notes.append(event.text)

    def _track(self, id: str) -> Track:
        if id not in self._tracks:
            self._tracks[id] = Track(id)
        return self._tracks[id]

    def timing(
        self, lines: StepLines | None = None, *, stopped: bool = False, succeeded: bool = False
    ) -> BuildTiming:
        """What is known so far; `lines` adds the line of the Dockerfile to each step where it is certain.

        `stopped`: we ended the engine's client, so what had no end yet was cancelled. `succeeded`: the engine
        made the result. BuildKit then still cancels a step whose result it got from an equal one of another
        platform: that one was skipped.
        """
        tracks = [track for track in self._tracks.values() if track.name.instruction]
        if succeeded:
            for track in tracks:
                track.forgive_cancellation()
        error = "" if succeeded else self._error(tracks)
        moments = [m for track in tracks for m in track.moments()]
        steps = [self._step(group, stopped or bool(error)) for group in groups(tracks)]
        if lines is not None:
            steps = _with_lines(steps, [StepName.parse(step.name) for step in steps], lines)
        return BuildTiming(
            started=min(moments, default=None),
            completed=max(moments, default=None),
            steps=tuple(steps),
            others=tuple(line for track in tracks if not is_step(track) for line in _others(track)),
            text="\n".join(self._text),
            notes=tuple(self._notes),
            warnings=tuple(self._warnings),
            error=error,
        )

    def _error(self, tracks: list[Track]) -> str:
        for line in reversed(self._text):
            if line.startswith(("error: ", "ERROR: ")):
                return line.split(": ", 1)[1]
        harmless = (StepKind.CACHE_IMPORT, StepKind.CACHE_EXPORT)  # the closing words tell when they are not
        errors = [t.error for t in tracks if t.error and t.name.kind not in harmless]
        return errors[0] if errors else ""

    def _step(self, group: list[Track], build_failed: bool) -> StepTiming:
        """One step of its vertices: the instruction's own first, then its LINK or its URLs."""
        main, *rest = group
        status = main.status(build_failed)
        if status == Status.SKIPPED and any(t.status(build_failed) == Status.HIT for t in rest):
            status = Status.HIT.value
        errors = [track.error for track in group if track.error]
        if errors and status not in (Status.FAILED, Status.CANCELLED):
            status = next(t.status(build_failed) for t in rest if t.error)
        split = main.split(executed=status in (Status.RAN, Status.FAILED, Status.CANCELLED))
        linking = sum(t.busy() for t in rest if t.name.kind is StepKind.LINK)
        fetching = sum(t.busy() for t in rest if t.name.kind is not StepKind.LINK)
        moments = [m for track in group for m in track.moments()]
        return StepTiming(
            id=main.id,
            name=main.raw_name,
            stage=main.name.stage,
            index=main.name.index,
            platform=main.name.platform,
            line=None,
            instruction=main.name.instruction,
            status=self._origin(any(track.downloads() for track in group))
            if status == Status.HIT
            else Status(status),
            execute=split.execute,
            download=split.download,
            unpack=split.unpack,
            transfer=split.transfer + fetching,
            other=split.other + linking,
            bytes_downloaded=sum(track.bytes_downloaded() for track in group),
            started=min(moments, default=None),
            completed=max(moments, default=None),
            error=errors[0] if errors else "",
            log_tail=main.log_tail() if errors else "",
        )

    def _origin(self, downloaded: bool) -> Status:
        imports = [t for t in self._tracks.values() if t.name.kind is StepKind.CACHE_IMPORT]
        if not self._imports or (imports and all(t.error for t in imports)):
            return Status.HIT_LOCAL
        return Status.HIT_REMOTE if downloaded or self._store_was_empty else Status.HIT


def _others(track: Track) -> list[OtherTiming]:
    if not track.moments():
        return []
    push = track.pushing()
    whole = OtherTiming(
        kind=track.name.kind,
        name=track.name.instruction,
        seconds=track.busy() - push,
        bytes=track.bytes_moved(),
        started=min(track.moments()),
        completed=max(track.moments()),
        error=track.error,
    )
    if not push:
        return [whole]
    return [whole, replace(whole, kind=StepKind.PUSH, name="pushing", seconds=push, bytes=0, error="")]


def _with_lines(steps: Iterable[StepTiming], names: list[StepName], lines: StepLines) -> list[StepTiming]:
    highest: dict[tuple[str, str], int] = {}
    triggers: dict[tuple[str, str], set[int]] = {}
    for name in names:
        stage = (name.platform, name.stage)
        # BuildKit gives `WORKDIR /` no number; whoever does numbers everything (docker's classic builder).
        reached = name.total if name.instruction == "WORKDIR /" else name.index
        highest[stage] = max(highest.get(stage, 0), reached)
        if name.onbuild:
            triggers.setdefault(stage, set()).add(name.index)
    found = []
    for step, name in zip(steps, names, strict=True):
        stage = (name.platform, name.stage)
        line = lines.lookup(
            name.stage,
            name.index,
            name.total,
            instruction=name.instruction,
            onbuild=name.onbuild,
            highest=highest[stage],
            triggers=len(triggers.get(stage, ())),
        )
        found.append(replace(step, line=line))
    return sorted(found, key=lambda step: (step.line is None, step.line or 0))
