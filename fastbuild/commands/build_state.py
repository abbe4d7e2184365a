"""What `fastbuild build` knows: before the engine runs (`Found`), and while it does (`Progress`)."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import git
from fastbuild.errors import FastbuildError
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.dockerfile.steps import StepLines
    from fastbuild.engines.detect import Choice
    from fastbuild.explain.reasons import Reason
    from fastbuild.history import Export, Score
    from fastbuild.pipeline.caches import Caches, Origin
    from fastbuild.progress.timings import BuildTiming, Fold
    from fastbuild.request import BuildRequest

DIRTY_WAIT = 0.1
"""Seconds that a finished build waits for git to say whether the work tree is clean."""


class Dirty:
    """Whether the work tree has changes, found out while the engine works: git needs long for large ones."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._answer: bool | None = None
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Begin to find out; only the first call does."""
        if self._thread is None and self._root is not None:
            self._thread = threading.Thread(target=self._ask, args=(self._root,), daemon=True)
            self._thread.start()

    def _ask(self, root: Path) -> None:
        self._answer = git.is_dirty(root)

    def known(self) -> bool | None:
        """The answer; None when there is none, or not within `DIRTY_WAIT`."""
        self.ask()
        if self._thread is not None:
            self._thread.join(DIRTY_WAIT)
        return self._answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a build stands on: the request as it will be built, the engine, the caches, the origin.

    `lines` tells where steps are in the Dockerfile.
    """

    request: BuildRequest
    choice: Choice
    caches: Caches
    origin: Origin
    dirty: Dirty
    lines: Callable[[], StepLines | None]

    def meanwhile(self) -> None:
        """Prepare what is needed after the build, while the engine works and a core is free."""
        self.dirty.ask()
        self.lines()
        import fastbuild.commands.build_record
        import fastbuild.commands.build_verdict
        import fastbuild.history
        import fastbuild.pipeline.finish
        import fastbuild.pipeline.layer_sizes
        import fastbuild.reports.as_terminal  # noqa: F401


@dataclass(slots=True)
class Progress:
    """What is known of a build so far, also when it is interrupted.

    `started` is in Unix seconds; `shown`: its steps have been printed; `told`: why they ran, too.
    """

    folds: list[Fold]
    notes: list[str]
    problems: list[str]
    started: float
    engine_version: str = ""
    timing: BuildTiming | None = None
    digest: str = ""
    score: Score | None = None
    reasons: tuple[Reason, ...] = ()
    skipped: str = ""
    image_seconds: float | None = None
    export: Export | None = None
    shown: bool = False
    told: bool = False
    clock: float = field(default_factory=time.monotonic)
    _id: str = ""

    @property
    def id(self) -> str:
        """The build's, made when it is first asked for: what makes it is imported while the engine works."""
        if not self._id:
            from fastbuild.history import new_id

            self._id = new_id(self.started)
        return self._id

    def seconds(self) -> float:
        """Wall time since the build began."""
        return time.monotonic() - self.clock

    def best_timing(self, lines: StepLines | None) -> BuildTiming:
        """The final timing, else that of the attempt that was stopped."""
        if self.timing is not None:
            return self.timing
        from fastbuild.progress.timings import BuildTiming

        return self.folds[-1].timing(lines, stopped=True) if self.folds else BuildTiming()


def step_lines_of(request: BuildRequest) -> StepLines | None:
    """Where steps are in the Dockerfile; None when it is not here or does not parse (the engine says why)."""
    if is_remote(request.context) or not request.file:
        return None
    from fastbuild.dockerfile.steps import step_lines

    try:
        return step_lines(Path(request.file).read_text(encoding="utf-8", errors="replace"))
    except (OSError, FastbuildError):
        return None
