"""One vertex while its events come in: intervals, transfers, the end of its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.progress.intervals import Intervals, seconds, union, without
from fastbuild.progress.rawjson import StepKind, StepName, TransferKind, is_cancellation, transfer_kind

if TYPE_CHECKING:
    from fastbuild.progress.events import Transfer, Vertex

TAIL = 8192
"""Characters of output kept for a step, in case it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Seconds of one vertex by what they went into; nothing is counted twice."""

    execute: float
    download: float
    unpack: float
    transfer: float
    other: float


@dataclass(slots=True)
class _Interval:
    completed: float | None = None
    cached: bool = False


class Track:
    """The sum of one vertex' events. An interval is reported several times; its start identifies it."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.raw_name = ""
        self.name = StepName(kind=StepKind.OTHER, instruction="")
        self.inputs: tuple[str, ...] = ()
        self.error = ""
        self._merged = False
        self._intervals: dict[float, _Interval] = {}
        self._transfers: dict[str, Transfer] = {}
        self._log = ""

    def add_vertex(self, event: Vertex) -> None:
        """Take a change of state in."""
        if event.name != self.raw_name:
            self.raw_name, self.name = event.name, StepName.parse(event.name)
        self.inputs = event.inputs or self.inputs
        self.error = event.error or self.error
        if event.started is not None:
            interval = self._intervals.setdefault(event.started, _Interval())
            interval.completed = event.completed if event.completed is not None else interval.completed
            interval.cached = interval.cached or event.cached

    def add_transfer(self, event: Transfer) -> None:
        """Take a transfer's newest state in."""
        self._transfers[event.id] = event

    def add_log(self, text: str) -> None:
        """Keep the end of the output."""
        self._log = (self._log + text)[-TAIL:]

    def forgive_cancellation(self) -> None:
        """The build succeeded all the same: the vertex' result came from an equal one."""
        if is_cancellation(self.error):
            self.error, self._merged = "", True

    def log_tail(self) -> str:
        """The last whole lines of output."""
        return self._log if len(self._log) < TAIL else self._log.partition("\n")[2]

    def moments(self) -> list[float]:
        """Every moment reported: starts and ends."""
        ends = [i.completed for i in self._intervals.values() if i.completed is not None]
        return [*self._intervals, *ends]

    def busy(self) -> float:
        """Seconds between starts and ends."""
        return seconds(self._busy())

    def pushing(self) -> float:
        """Seconds of uploads to a registry."""
        return seconds(self._moving(TransferKind.PUSH))

    def downloads(self) -> bool:
        """Whether layers were asked for, even if none came."""
        return any(transfer_kind(id) is TransferKind.DOWNLOAD for id in self._transfers)

    def bytes_downloaded(self) -> int:
        """Bytes of layers received."""
        return self._bytes(TransferKind.DOWNLOAD)

    def bytes_moved(self) -> int:
        """Bytes received or sent, as far as the engine counts them."""
        return self._bytes(TransferKind.DOWNLOAD) + self._bytes(TransferKind.TRANSFER)

    def split(self, *, executed: bool) -> Split:
        """The vertex' time by use. Where kinds overlap, downloads go first, then unpacking.

        The rest counts as execution only if the step was `executed`.
        """
        download = self._moving(TransferKind.DOWNLOAD)
        unpack = without(self._moving(TransferKind.UNPACK), download)
        moved = union((*download, *unpack))
        transfer = without(self._moving(TransferKind.TRANSFER), moved)
        rest = seconds(without(self._busy(), union((*moved, *transfer))))
        return Split(
            execute=rest if executed else 0.0,
            download=seconds(download),
            unpack=seconds(unpack),
            transfer=seconds(transfer),
            other=0.0 if executed else rest,
        )

    def status(self, build_failed: bool) -> str:
        """A `Status` value; `hit` for every cache hit, whatever its origin."""
        if self.error:
            return "cancelled" if is_cancellation(self.error) else "failed"
        if self._merged:
            return "skipped"
        if not self._intervals:
            return "not_reached"
        if any(i.completed is None for i in self._intervals.values()):
            return "cancelled" if build_failed else "unknown"
        if self.name.kind in (StepKind.FROM, StepKind.SOURCE):
            return "source"
        return self._cached_status()

    def _cached_status(self) -> str:
        cached = {start: i for start, i in self._intervals.items() if i.cached}
        if not cached:
            return "ran"
        if any(i.completed != start for start, i in cached.items()):
            return "hit"
        if len(cached) == len(self._intervals):
            return "skipped"  # start == end: implied by a later step's hit, never looked up
        # Passed over at first and needed after all: its layers were fetched, or it had to run.
        return "hit" if self.downloads() else "ran"

    def _busy(self) -> Intervals:
        ended = ((s, i.completed) for s, i in self._intervals.items() if i.completed is not None)
        return union(ended)

    def _moving(self, kind: TransferKind) -> Intervals:
        return union(
            (t.started, t.completed)
            for t in self._transfers.values()
            if transfer_kind(t.id) is kind and t.started is not None and t.completed is not None
        )

    def _bytes(self, kind: TransferKind) -> int:
        return sum(t.current for t in self._transfers.values() if transfer_kind(t.id) is kind)
