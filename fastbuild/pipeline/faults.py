"""Telling a cache problem from a build that is wrong."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING

from fastbuild.progress.events import Transfer, Vertex
from fastbuild.progress.rawjson import StepKind, StepName

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.progress.events import Event

OWN_FAULT = re.compile(
    r"did not complete successfully|failed to calculate checksum of ref|dockerfile parse error", re.IGNORECASE
)
BLOB_FAULT = re.compile(
    r"failed to copy|failed to compute cache key|failed to load cache|httpReadSeeker|"
    r"unexpected (?:EOF|status)|content sha256:\S+ not found|failed to get (?:layer|reader|stream)|"
    r"GetObject|failed size validation|failed commit on ref|failed to extract layer|blob not found",
    re.IGNORECASE,
)
"""What BuildKit v0.34 says when a layer of an imported cache can't be had (seen with 403, 404, 500,
closed and truncated connections)."""

LEAST_BYTES = 1 << 20
"""Bytes that a cache transfer must move within the time limit: less is a server that doesn't serve."""


def is_blob_fault(text: str) -> bool:
    """Whether a failed build's closing words blame a layer that the cache promised and did not give."""
    return bool(BLOB_FAULT.search(text)) and not OWN_FAULT.search(text)


class Watch:
    """Finds a cache operation that is stuck: nothing, or next to nothing, for `limit` seconds.

    A build that takes longer than `patience` seconds as a whole is stuck as well.
    """

    def __init__(
        self, limit: float, patience: float = math.inf, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._end = clock() + patience
        self._open: dict[str, tuple[str, float]] = {}
        self._layers: dict[str, int] = {}
        self._pending: set[str] = set()
        self._moved = 0

    def add(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Vertex):
            kind = StepName.parse(event.name).kind
            if kind in (StepKind.CACHE_IMPORT, StepKind.CACHE_EXPORT) and event.started is not None:
                self._set(event.id, "import" if kind is StepKind.CACHE_IMPORT else "export", event.completed)
        elif isinstance(event, Transfer) and event.id.startswith("sha256:"):
            self._layer(event)
        elif isinstance(event, Transfer) and event.step in self._open:
            self._set(event.step, self._open[event.step][0], None)

    def _set(self, key: str, what: str, completed: float | None) -> None:
        if completed is None:
            self._open[key] = (what, self._clock())
        else:
            self._open.pop(key, None)

    def _layer(self, event: Transfer) -> None:
        # Layers wait for each other, so what counts is whether any of them moves.
        self._layers[event.id] = event.current
        if event.completed is None:
            self._pending.add(event.id)
        else:
            self._pending.discard(event.id)
        moved = sum(self._layers.values())
        if not self._pending:
            self._open.pop("layers", None)
        elif "layers" not in self._open or moved >= self._moved + LEAST_BYTES:
            self._open["layers"] = ("layer", self._clock())
            self._moved = moved

    def importing(self) -> bool:
        """Whether a cache's manifest is being read now."""
        return any(what == "import" for what, _ in self._open.values())

    def stuck(self) -> str:
        """`import`, `layer`, `export` or `build` when one is stuck now, else empty."""
        now = self._clock()
        if now > self._end:
            return "build"
        return next((what for what, since in self._open.values() if now - since > self._limit), "")
