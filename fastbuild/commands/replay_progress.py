"""How far a replay is: a bar on a terminal, one line for each part elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self, TextIO

WIDTH = 30
EVERY = 0.1
"""Seconds between two pictures."""


class Progress:
    """Writes to `stream`; nothing is left of a bar at the end of the block."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._name = ""
        self._count = 1
        self._drawn = 0.0

    def __enter__(self) -> Self:
        """For the time of the replay."""
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def begin(self, name: str, count: int) -> None:
        """A part of `count` commits."""
        self._name, self._count = name, max(count, 1)
        if not self._is_terminal:
            self._write(f"replay: {name}: {count} commits\n")

    def at(self, number: int) -> None:
        """So many are done."""
        now = time.monotonic()
        if not self._is_terminal or (now - self._drawn < EVERY and number < self._count):
            return
        self._drawn = now
        self._draw(number)

    def _draw(self, number: int) -> None:
        full = WIDTH * number // self._count
        self._write(f"\r{self._name}: [{'#' * full}{'.' * (WIDTH - full)}] {number}/{self._count}\x1b[K")

    def building(self, name: str, number: int, count: int) -> None:
        """A commit's build, the one of that number of `count`, begins."""
        if self._is_terminal:
            self._name, self._count = f"building {name}", count
            self._draw(number - 1)
        else:
            self._write(f"replay: building {name} ({number}/{count})\n")

    def _clear(self) -> None:
        if self._is_terminal:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._is_terminal = False
