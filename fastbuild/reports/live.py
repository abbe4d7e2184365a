"""A running build on a stream: plain lines for logs, one moving picture for terminals, nothing, or raw JSON.

Views never print the engine's closing words: they are in `BuildTiming.text`, for the error that ends the run.
A stream that breaks silences its view; it never stops a build.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from fastbuild.errors import UsageError
from fastbuild.progress.events import Log, Note, Text, Transfer, Vertex, Warning
from fastbuild.progress.rawjson import TransferKind, transfer_kind
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from fastbuild.progress.events import Event


class View(Protocol):
    """A listener. `add_raw` gets each line as it came, `add` the events in it; `close` may come twice."""

    def add(self, event: Event) -> None:
        """Show an event."""

    def add_raw(self, line: bytes) -> None:
        """Take a line of the engine, without its newline."""

    def close(self) -> None:
        """Show what is pending and give the terminal back."""


def view_for(
    progress: str, stream: TextIO, environ: Mapping[str, str], *, opening: str = "", closing: str = ""
) -> View:
    """The view for a `--progress` value; `auto` is `tty` on a capable terminal outside CI, else `plain`.

    `opening` and `closing` are the lines that fold the plain log on a CI's page. Raises UsageError for
    an unknown value.
    """
    if progress == "auto":
        capable = stream.isatty() and environ.get("TERM", "") != "dumb" and not environ.get("CI")
        progress = "tty" if capable else "plain"
    match progress:
        case "plain":
            return PlainView(stream, opening=opening, closing=closing)
        case "tty":
            from fastbuild.reports.moving import RichView

            return RichView(stream, colour=not environ.get("NO_COLOR"))
        case "quiet" | "none":
            return QuietView()
        case "rawjson":
            return RawView(stream)
        case _:
            raise UsageError(
                f"--progress: {progress!r} is unknown", fix="use auto, plain, tty, quiet, none or rawjson"
            )


class QuietView:
    """Shows nothing."""

    def add(self, event: Event) -> None:
        """See `View.add`."""

    def add_raw(self, line: bytes) -> None:
        """See `View.add_raw`."""

    def close(self) -> None:
        """See `View.close`."""


class _Lines:
    """Whole lines to a stream in its encoding, until it breaks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._broken = False

    def write(self, line: str) -> None:
        if self._broken:
            return
        try:
            self._stream.write(words.encodable(line, self._stream.encoding) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._broken = True


class RawView(QuietView):
    """Passes the engine's lines through untouched."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = _Lines(stream)
        self._stream = stream

    def add_raw(self, line: bytes) -> None:
        """See `View.add_raw`."""
        binary = getattr(self._stream, "buffer", None)
        if binary is None:
            self._lines.write(line.decode("utf-8", "replace"))
            return
        with suppress(OSError, ValueError):
            binary.write(line + b"\n")
            binary.flush()


class _Step:
    """What the plain log remembers of a vertex: its number, its time so far, half a line of output."""

    def __init__(self, number: int, event: Vertex) -> None:
        self.number = number
        self.first = event.started or 0.0
        self.intervals: dict[float, float] = {}
        self.cached = False
        self.half: dict[int, str] = {}

    def seconds(self) -> float:
        return sum(end - start for start, end in self.intervals.items())


class PlainView:
    """A log that only grows, in the form of BuildKit's plain progress; no escape sequences of ours."""

    def __init__(self, stream: TextIO, *, opening: str = "", closing: str = "") -> None:
        self._lines = _Lines(stream)
        self._steps: dict[str, _Step] = {}
        self._ended: _Step | None = None
        self._warnings: list[Warning] = []
        self._opening, self._closing = opening, closing

    def add(self, event: Event) -> None:
        """See `View.add`."""
        self._open()
        match event:
            case Vertex():
                self._vertex(event)
            case Transfer():
                self._transfer(event)
            case Log():
                self._log(event)
            case Warning():
                self._warnings.append(event)
            case Note():
                self._flush()
                self._lines.write(f"fastbuild: {event.text}")
            case Text():
                pass

    def add_raw(self, line: bytes) -> None:
        """See `View.add_raw`."""

    def close(self) -> None:
        """See `View.close`."""
        self._flush()
        warnings, self._warnings = self._warnings, []
        if warnings:
            self._lines.write(f"{words.plural(len(warnings), 'warning')}:")
        for warning in warnings:
            self._lines.write(f" - {words.one_line(warning.short)}")
        if self._closing:
            self._lines.write(self._closing)
            self._closing = ""

    def _open(self) -> None:
        if self._opening:
            self._lines.write(self._opening)
            self._opening = ""

    def _vertex(self, event: Vertex) -> None:
        if event.started is None:
            return
        step = self._steps.get(event.id)
        if step is None:
            self._flush()
            step = self._steps[event.id] = _Step(len(self._steps) + 1, event)
            self._lines.write(f"#{step.number} {words.one_line(event.name)}")
        step.cached = step.cached or event.cached
        if event.error:
            self._flush(step)
            self._rest(step)
            self._ended = None
            self._lines.write(f"#{step.number} ERROR: {words.one_line(event.error)}")
        elif event.completed is not None:
            self._flush(step)
            step.intervals[event.started] = event.completed
            self._ended = step
        elif self._ended is step:  # it goes on: its end is told when it has really ended
            self._ended = None

    def _transfer(self, event: Transfer) -> None:
        step = self._steps.get(event.step)
        if step is None or event.completed is None or transfer_kind(event.id) is TransferKind.WORK:
            return
        self._flush(step)
        amount = f" {words.size(event.current)}" if event.current else ""
        spent = f" {event.completed - event.started:.1f}s" if event.started else ""
        self._lines.write(f"#{step.number} {event.id.removesuffix(':')}{amount}{spent} done")

    def _log(self, event: Log) -> None:
        step = self._steps.get(event.step)
        if step is None:
            return
        self._flush(step)
        text = step.half.pop(event.stream, "") + event.text.replace("\r\n", "\n").replace("\r", "\n")
        *whole, half = text.split("\n")
        for line in whole:
            self._lines.write(f"#{step.number} {event.time - step.first:.3f} {line}".rstrip())
        if half:
            step.half[event.stream] = half

    def _rest(self, step: _Step) -> None:
        for half in step.half.values():
            self._lines.write(f"#{step.number} {half}")
        step.half.clear()

    def _flush(self, current: _Step | None = None) -> None:
        """Tell the end of the step that ended last, unless it is the one that speaks now."""
        step = self._ended
        if step is None or step is current:
            return
        self._ended = None
        self._rest(step)
        end = "CACHED" if step.cached else f"DONE {step.seconds():.1f}s"
        self._lines.write(f"#{step.number} {end}")
