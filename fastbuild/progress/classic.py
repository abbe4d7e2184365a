"""Text of docker's classic builder → events.

    Step 2/3 : RUN make
     ---> Using cache
     ---> Running in 5f0c2a1b9d7e
    Successfully built 0123456789ab

Format: docker/docker builder/dockerfile/dispatchers.go and evaluator.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.progress.events import Event, Log, Text, Vertex

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")


class Classic:
    """A reader of one build's lines; `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step: Vertex | None = None

    def parse(self, line: bytes) -> tuple[Event, ...]:
        """The events of one line."""
        text = line.decode("utf-8", "replace")
        now = self._clock()
        match = STEP.fullmatch(text)
        if match:
            ended = self._end(now)
            self._step = Vertex(
                id=f"step-{match[1]}", name=f"[{match[1]}/{match[2]}] {match[3]}", started=now
            )
            return (*ended, self._step)
        if self._step is None:
            return (Text(text=text),)
        if text.strip() == "---> Using cache":
            return self._end(now, cached=True)
        if text.startswith("Successfully built"):
            return (*self._end(now), Text(text=text))
        if text.startswith((" --->", "Removing intermediate container")):
            return ()
        return (Log(step=self._step.id, stream=1, text=text + "\n", time=now), Text(text=text))

    def _end(self, now: float, *, cached: bool = False) -> tuple[Event, ...]:
        step, self._step = self._step, None
        if step is None:
            return ()
        return (Vertex(id=step.id, name=step.name, started=step.started, completed=now, cached=cached),)
