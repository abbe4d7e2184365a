"""The view for terminals: what runs now at the bottom, what is done scrolling above it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text as Line

from fastbuild.progress.events import Log, Note, Transfer, Vertex, Warning
from fastbuild.progress.rawjson import StepKind, StepName, TransferKind, transfer_kind
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from fastbuild.progress.events import Event

TAIL = 4
"""Lines of output shown under a running step."""


class _Unbreakable:
    """A stream whose writes can't fail: rich would end the program when the terminal is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Running:
    """A step as the picture shows it; `since` is on our own clock, for the engine's may differ."""

    def __init__(self, name: str, since: float) -> None:
        self.name = words.one_line(name)
        self.since = since
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.half = ""
        self.transfers: dict[str, Transfer] = {}

    def add_log(self, text: str) -> None:
        *whole, self.half = (self.half + text).replace("\r", "\n").split("\n")
        self.tail.extend(line for line in map(words.without_control, whole) if line.strip())


class RichView:
    """Steps that run, with elapsed seconds, transfers and the last lines of output; done ones go above."""

    def __init__(self, stream: TextIO, *, colour: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(
            file=cast("TextIO", _Unbreakable(stream)),
            no_color=not colour,
            force_terminal=True,
            highlight=False,
        )
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._spent: dict[str, dict[float, float]] = {}
        self._cached: set[str] = set()
        self._warnings: list[Warning] = []
        self._live = Live(console=self._console, get_renderable=self.picture, refresh_per_second=8)
        self._live.start()

    def add(self, event: Event) -> None:
        """See `live.View.add`."""
        match event:
            case Vertex() if event.started is not None:
                self._vertex(event, event.started)
            case Transfer() if event.step in self._running:
                self._running[event.step].transfers[event.id] = event
            case Log() if event.step in self._running:
                self._running[event.step].add_log(event.text)
            case Warning():
                self._warnings.append(event)
            case Note():
                self._print(f"fastbuild: {words.without_control(event.text)}", "bold yellow")
            case _:  # plan entries, what belongs to no running step, and the closing words
                pass

    def add_raw(self, line: bytes) -> None:
        """See `live.View.add_raw`."""

    def close(self) -> None:
        """See `live.View.close`."""
        self._running.clear()
        self._live.stop()
        warnings, self._warnings = self._warnings, []
        for warning in warnings:
            self._print(f"warning: {words.one_line(warning.short)}", "yellow")

    def picture(self) -> Group:
        """The moving part, as of now; never higher than the terminal."""
        rows: list[Line] = []
        now = self._clock()
        for step in list(self._running.values()):
            rows.append(self._row(f"{now - step.since:6.1f}s {step.name}", "cyan"))
            rows += [self._row(f"        {text}", "") for text in _moving(step)]
            rows += [self._row(f"        {line}", "dim") for line in list(step.tail)]
        return Group(*rows[: max(self._console.height - 1, 1)])

    def _vertex(self, event: Vertex, started: float) -> None:
        if event.cached:
            self._cached.add(event.id)
        if event.completed is None and not event.error:
            if event.id not in self._running:
                self._running[event.id] = _Running(event.name, self._clock())
            return
        running = self._running.pop(event.id, None)
        first = event.id not in self._spent
        spent = self._spent.setdefault(event.id, {})
        spent[started] = event.completed or started
        if event.error:
            for line in running.tail if running else ():
                self._print(f"        {line}", "dim")
            self._print(f" ERROR  {words.one_line(event.name)}", "bold red")
            self._print(f"        {words.one_line(event.error)}", "red")
        elif self._worth_telling(event, started, first):
            seconds = event.completed - started if event.completed else 0.0
            mark = " CACHED" if event.id in self._cached else f"{seconds:6.1f}s"
            self._print(f"{mark} {words.one_line(event.name)}", "green" if event.id in self._cached else "")

    def _worth_telling(self, event: Vertex, started: float, first: bool) -> bool:
        """One line per interval would repeat a FROM four times: only the first and the long ones are told."""
        if StepName.parse(event.name).kind in (StepKind.INTERNAL, StepKind.AUTH):
            return False
        return first or (event.completed or started) - started >= 0.5

    def _row(self, text: str, style: str) -> Line:
        encoding = self._console.encoding
        return Line(words.encodable(text, encoding), style=style, no_wrap=True, overflow="ellipsis")

    def _print(self, text: str, style: str) -> None:
        row = Line(words.encodable(text, self._console.encoding), style=style)
        self._console.print(row, soft_wrap=True)


def _moving(step: _Running) -> list[str]:
    rows = []
    for transfer in list(step.transfers.values()):
        if transfer.completed is None and transfer_kind(transfer.id) is not TransferKind.WORK:
            total = f" / {words.size(transfer.total)}" if transfer.total else ""
            rows.append(f"{words.cut(transfer.id, 30)} {words.size(transfer.current)}{total}")
    return rows
