"""Why a build's steps ran, and whether that was foreseen: found out beside the build, never in its way.

While the engine works, a thread predicts the build and reads the side files of earlier ones. Afterwards this
build's side file is made, compared with those, kept, and put beside the caches that were written. A build of
which no step ran and no cache was written needs none: the builds whose results it found have left theirs. A
thread that isn't ready in time is not waited for: then nothing is said about this build.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.commands.build_state import Found, Progress
    from fastbuild.explain.reasons import Reason
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.paths import Paths
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.progress.timings import BuildTiming

WAIT = 0.03
"""How much longer a build may take for its prediction's score, as a share of itself."""
LATER = 0.5
"""Seconds after which to look, where no cache is asked but the engine's own: many a build that finds all is
over by then, and looking would slow it."""
WAIT_FOR_REASONS = 3.0
"""Seconds that one waits which has reasons to tell, or a cache to put a side file beside."""
EARLIER = 5
"""Builds of this machine that a new one is compared with."""


@dataclass(slots=True, kw_only=True)
class Insight:
    """The prediction of one build, and what becomes of it. `started` is in Unix seconds; `store` is a copy
    of the engine's own store from before the build; `sent_modes` are those of `Bench`."""

    found: Found
    ready: Ready
    paths: Paths
    environ: Mapping[str, str]
    keep_modes: bool
    store: Path | None
    sent_modes: dict[Path, Mapping[str, int]] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    _foreseen: list[Foreseen] = field(default_factory=list)
    _looked: float = 0.0
    _matters: bool = True
    _side: SideFile | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def meanwhile(self) -> None:
        """Begin to look; for when the engine has been started. Only the first call does anything."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()

    def _look(self) -> None:
        request = self.found.request
        if not (request.cache_from or request.cache_to) and self._ended.wait(LATER) and not self._matters:
            return
        from fastbuild.pipeline.foresee import foresee

        # whatever goes wrong: the engine says it of the build itself, or it concerns the prediction alone
        with suppress(Exception):
            foreseen = foresee(
                self.ready,
                request,
                self.paths,
                self.environ,
                self.found.caches.credentials,
                keep_modes=self.keep_modes,
                store=self.store,
                sides=True,
                modes=self.sent_modes,
            )
            import fastbuild.explain.compare
            import fastbuild.explain.describe
            import fastbuild.explain.stored  # noqa: F401

            self._looked = time.time()
            self._foreseen.append(foreseen)

    def tell(self, so_far: Progress, timing: BuildTiming, *, exporting: bool) -> None:
        """Add to `so_far` the prediction's score and why steps ran; keeps the build's side file.

        `exporting`: a cache is written next, and gets it (see `side`). Never raises.
        """
        if self._thread is None:
            return
        counts = timing.counts()
        self._matters = bool(counts.ran or counts.failed or exporting)
        self._ended.set()
        self._thread.join(WAIT_FOR_REASONS if self._matters else WAIT * (time.time() - self.started))
        if not self._foreseen:
            return
        foreseen = self._foreseen[0]
        with suppress(Exception):  # the image is made: nothing here may fail the build
            from fastbuild.pipeline.cache_evidence import is_written_by
            from fastbuild.pipeline.score import score
            from fastbuild.pipeline.shown_names import as_shown

            late = is_written_by(timing, self._looked)
            scored = None if late else score(as_shown(foreseen, timing).steps, timing)
            if self._matters:
                so_far.reasons = self._explain(so_far.id, foreseen, timing)
            # what a first attempt built is a hit for the second, which nobody foretold
            so_far.score = scored if len(so_far.folds) == 1 else None

    @property
    def side(self) -> tuple[SideFile, Foreseen] | None:
        """What to put beside the caches that are written, without the files' tree; None if not known."""
        if self._side is None or not self._foreseen:
            return None
        return self._side, replace(self._foreseen[0], files={})

    @property
    def foreseen(self) -> Foreseen | None:
        """The prediction, if it is there by now."""
        return self._foreseen[0] if self._foreseen else None

    def _explain(self, build: str, foreseen: Foreseen, timing: BuildTiming) -> tuple[Reason, ...]:
        from fastbuild.explain.compare import explain
        from fastbuild.explain.stored import to_json
        from fastbuild.pipeline import cache_evidence, side_files
        from fastbuild.pipeline.shown_names import as_shown, reasons_as_shown, steady
        from fastbuild.sides import Sides, project_of

        request = self.found.request
        sides = Sides.of(self.paths, project_of(request))
        remote = side_files.beside(foreseen.caches)
        before = [*remote.values(), *side_files.read(islice(sides.before(), EARLIER))]
        about = self._about(build, next((side.salt for side in before if side.salt), ""))
        root, named = self.ready.root, as_shown(foreseen, timing)
        shown = side_files.describe_build(about, named, request, self.paths, self.environ, timing, root)
        now = steady(shown, foreseen.graph)
        with suppress(UsageError):
            sides.save(build, to_json(now), os.getuid())
        self._side = now
        evidence = cache_evidence.evidence(
            foreseen, remote, timing, looked=self._looked, fresh=self.ready.store_was_empty
        )
        return reasons_as_shown(explain(now, before, evidence), now, shown)

    def _about(self, build: str, salt: str) -> SideFile:
        """Who builds, when and where; a `salt` is taken over, so that hidden values can be compared."""
        from fastbuild.explain.sidefile import SideFile

        request, git, ci = self.found.request, self.found.origin.git, self.found.origin.ci
        return SideFile(
            build=build,
            created=self.started,
            commit=self.found.origin.commit,
            branch=ci.branch or (git.branch if git else None) or "",
            dirty=self.found.dirty.known(),
            engine=self.found.choice.name,
            engine_version=self.ready.version,
            store=str(self.ready.root or ""),
            platforms=request.platforms,
            salt=salt or os.urandom(16).hex(),
        )


def begin(
    found: Found,
    ready: Ready,
    paths: Paths,
    environ: Mapping[str, str],
    workdir: Path,
    *,
    keep_modes: bool,
) -> Insight | None:
    """Prepare the insight into a build that is about to start; None where none can be had.

    Only BuildKit tells its graph, and only of files that are here.
    """
    request = found.request
    known = found.choice.name != "docker" and request.call == "build"
    if not known or is_remote(request.context) or not request.file:
        return None
    from fastbuild.pipeline.read_caches import copy_store

    store = copy_store(ready.root, workdir / "store") if ready.root else None
    if ready.root is not None and store is None and not ready.store_was_empty:
        return None
    return Insight(
        found=found,
        ready=ready,
        paths=paths,
        environ=environ,
        keep_modes=keep_modes,
        store=store,
    )
