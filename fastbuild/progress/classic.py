"""Text of docker's classic builder → events.

    Step 2/3 : RUN make
     ---> Using cache
     ---> Running in 5f0c2a1b9d7e
    Successfully built 0123456789ab

Format: docker/docker builder/dockerfile/dispatchers.go and evaluator.go. Output of RUN and the builder's
own lines are one stream; what the client says on standard error comes last, each line after a NUL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.progress.events import Event, Log, Text, Vertex

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
NOT_FAILURES = re.compile(
    r"DEPRECATED: The legacy builder|\s+(?:BuildKit is|environment-variable|Install the buildx)|"
    r"\s+https://docs\.docker\.com/go/buildx|$"
)
"""What the client says because of how we call it."""
CLOSING = "\0"
RED, PLAIN = "\x1b[91m", "\x1b[0m"
"""What the daemon puts around standard error of RUN."""


class Classic:
    """A reader of one build's lines; `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step: Vertex | None = None
        self._count = 0
        self._red = False

    def parse(self, line: bytes) -> tuple[Event, ...]:
        """The events of one line."""
        text = line.decode("utf-8", "replace")
        now = self._clock()
        if text.startswith(CLOSING):
            return self._closing(text.removeprefix(CLOSING), now)
        match = STEP.fullmatch(text)
        if match and int(match[1]) == self._count + 1:
            return self._begin(match[2], match[3], now)
        if self._step is None or text.startswith((" --->", "Removing intermediate container")):
            return self._end(now, cached=True) if text.strip() == "---> Using cache" else ()
        if text.startswith("Successfully built"):
            return self._end(now)
        return (self._output(self._step, text, now),)

    def _begin(self, total: str, instruction: str, now: float) -> tuple[Event, ...]:
        ended = self._end(now)
        before = (f"step-{self._count}",) if self._count else ()
        self._count += 1
        name = f"[{self._count}/{total}] {instruction}"
        self._step = Vertex(id=f"step-{self._count}", name=name, started=now, inputs=before)
        return (*ended, self._step)

    def _closing(self, text: str, now: float) -> tuple[Event, ...]:
        if NOT_FAILURES.match(text):
            return ()
        ended = () if text.startswith("WARNING") else self._end(now, error=text)
        return (*ended, Text(text=text))

    def _output(self, step: Vertex, text: str, now: float) -> Log:
        red = (self._red and not text.startswith(PLAIN)) or text.startswith(RED)
        self._red = text.rfind(RED) > text.rfind(PLAIN) or (self._red and PLAIN not in text)
        bare = text.replace(RED, "").replace(PLAIN, "")
        return Log(step=step.id, stream=2 if red else 1, text=bare + "\n", time=now)

    def _end(self, now: float, *, cached: bool = False, error: str = "") -> tuple[Event, ...]:
        step, self._step = self._step, None
        if step is None:
            return ()
        return (replace(step, completed=now, cached=cached, error=error),)
