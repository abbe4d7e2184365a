"""Some commits of a replay, built for real: what was foreseen against what happened.

The newest commits are built, one after the other, for a commit's own price shows only on its parent's cache.
The engine is a private one with an empty store, started for this and removed with it. Each commit is checked
out into a directory of its own, as today's Dockerfile builds it. The first build is cold: it tells the
seconds of steps that no recorded build has measured, and is left out of the comparison of seconds.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.commands.build_verdict import failure
from fastbuild.errors import BuildFailed
from fastbuild.explain.replay import replay
from fastbuild.explain.replay_sums import spearman
from fastbuild.git.checkout import check_out
from fastbuild.paths import TEMPORARY
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench
from fastbuild.pipeline.replay import moments
from fastbuild.pipeline.run import build
from fastbuild.progress.timings import HITS, Status
from fastbuild.reports.replay_real import Real, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.commands.replay_progress import Progress
    from fastbuild.config import Settings
    from fastbuild.engines.detect import Choice
    from fastbuild.explain.replay import Instruction, Replayed
    from fastbuild.keys.content import Files
    from fastbuild.paths import Paths
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.pipeline.replay import Plans, Variant
    from fastbuild.pipeline.replay_trees import History
    from fastbuild.progress.timings import BuildTiming, StepTiming
    from fastbuild.request import BuildRequest

IDLE_SECONDS = 120.0
"""After which the engine stops by itself when we were killed."""
STEPS = (Status.RAN, Status.SKIPPED, *HITS)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What builds of samples need; `folder` is a temporary directory."""

    settings: Settings
    paths: Paths
    environ: Mapping[str, str]
    folder: Path
    choice: Choice
    request: BuildRequest
    progress: Progress

    def run(
        self, history: History, variant: Variant, plans: Plans, others: Mapping[str, Files], count: int
    ) -> Real:
        """Build the newest `count` commits, oldest first, but for those that can't be built.

        Raises what builds raise; BuildFailed only for the first one. A later one that fails ends the series,
        for what it leaves in the cache was not foreseen.
        """
        bare = replace(variant, cloned=False)
        numbers = range(max(0, len(history.commits) - count), len(history.commits))
        found = replay(list(moments(history, bare, plans, others, numbers)))
        kept = [(n, each) for n, each in zip(numbers, found, strict=True) if not each.problem]
        names = {number: history.commits[number].id[:9] for number in numbers}
        notes = [
            f"not built: {names[n]}: {each.problem}"
            for n, each in zip(numbers, found, strict=True)
            if each.problem
        ]
        timings: list[BuildTiming] = []
        with self._fresh() as ready:
            for place, (number, _) in enumerate(kept, 1):
                self.progress.building(names[number], place, len(kept))
                try:
                    timings.append(self._build(history, bare, number, ready))
                except BuildFailed as error:
                    if not timings:
                        raise
                    notes.append(f"ended at {names[number]}, which can't be built: {last_line(error)}")
                    break
        return compared(history, kept[: len(timings)], timings, notes)

    @contextmanager
    def _fresh(self) -> Iterator[Ready]:
        """A private engine of its own, removed at the end."""
        from fastbuild.engines import daemon

        # on the disk of the ordinary engine, for it may grow large; but a socket's path must be short
        place = Path(tempfile.mkdtemp(prefix="replay-", dir=self.paths.ensure().cache))
        runtime = Path(tempfile.mkdtemp(prefix="fastbuild-", dir=TEMPORARY))
        own = replace(
            self.paths,
            state=place / "state",
            runtime=runtime,
            data=place / "data",
            cache=place / "cache",
            base=None,
        ).ensure()
        _lend_engine(self.paths.data, own.data)
        config, allow = self.settings.engine_config, self.settings.engine_allow
        settings = prepare.private_settings(own, self.environ, config=config, allow=allow, idle=IDLE_SECONDS)
        try:
            with prepare.ready(
                self.choice, self.request, self.folder, own, self.environ, config=config, allow=allow,
                idle=IDLE_SECONDS,
            ) as ready:  # fmt: skip
                yield ready
        finally:
            daemon.stop(settings)
            for folder in (place, runtime):
                shutil.rmtree(folder, ignore_errors=True)

    def _build(self, history: History, variant: Variant, number: int, ready: Ready) -> BuildTiming:
        commit = history.commits[number]
        place = self.folder / f"commit-{number}"
        place.mkdir()
        try:
            check_out(history.place.root, commit.id, place)
            file = place / variant.path if variant.path else self.folder / "Dockerfile"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(variant.text or b"")
            file.chmod(0o644)
            context = place / history.place.context
            request = replace(self.request, context=str(context), file=str(file))
            bench = Bench(
                engine=self.choice.engine,
                job=replace(ready.job, request=request),
                daemon=ready.daemon,
                client=prepare.client_id(self.paths),
                copies_home=self.folder / "copies",
                cache_timeout=self.settings.cache_timeout,
                store_was_empty=False,
                on_event=lambda _: None,
                on_line=lambda _: None,
            )
            outcome = build(bench, request, lambda: None, strict=False)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        error = failure(outcome, strict=False)
        if error is not None:
            raise BuildFailed(f"error: commit {commit.id[:9]} can't be built: {error}") from error
        return outcome.timing


def _lend_engine(data: Path, own: Path) -> None:
    """Let another data directory find the programs that were installed in the first one."""
    for entry in data.iterdir() if data.is_dir() else ():
        if entry.name.startswith("buildkit"):
            (own / entry.name).symlink_to(entry)


def compared(
    history: History,
    foreseen: Sequence[tuple[int, Replayed]],
    timings: Sequence[BuildTiming],
    notes: Sequence[str] = (),
) -> Real:
    """Foreseen and measured, commit by commit. Seconds are ranked in tenths, as they are shown: what is
    smaller is noise of the machine."""
    cold = {_place(step): step.execute for step in timings[0].steps} if timings else {}
    samples = tuple(
        _sample(history, number, each, timing, cold)
        for (number, each), timing in zip(foreseen, timings, strict=True)
    )
    predicted = [round(each.predicted, 1) for each in samples[1:]]
    measured = [round(each.measured, 1) for each in samples[1:]]
    return Real(
        samples=samples,
        spearman=spearman(predicted, measured),
        limit=spearman(sorted(predicted), sorted(measured)),
        notes=tuple(notes),
    )


def _sample(
    history: History,
    number: int,
    foreseen: Replayed,
    timing: BuildTiming,
    cold: Mapping[tuple[str, str, int], float],
) -> Sample:
    runs = {rerun.instruction.place: rerun for rerun in foreseen.reruns}
    counted = [step for step in timing.steps if step.status in STEPS and step.index]
    decided = [step for step in counted if _place(step) not in runs or runs[_place(step)].certain]
    wrong = [step for step in decided if (step.status is Status.RAN) != (_place(step) in runs)]
    return Sample(
        commit=history.commits[number],
        steps=len(decided),
        agreed=len(decided) - len(wrong),
        undecided=len(counted) - len(decided),
        predicted=sum(_seconds(rerun.instruction, cold) for rerun in foreseen.reruns if rerun.certain),
        perhaps=sum(_seconds(rerun.instruction, cold) for rerun in foreseen.reruns if not rerun.certain),
        measured=sum(step.execute for step in counted if step.status is Status.RAN),
        differences=tuple(_difference(step) for step in wrong),
    )


def last_line(error: BuildFailed) -> str:
    """The end of what the engine said, which names the instruction and its fault."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason was given"


def _seconds(instruction: Instruction, cold: Mapping[tuple[str, str, int], float]) -> float:
    return instruction.seconds if instruction.measured else cold.get(instruction.place, instruction.seconds)


def _place(step: StepTiming) -> tuple[str, str, int]:
    return step.platform, step.stage, step.index


def _difference(step: StepTiming) -> str:
    if step.status is Status.RAN:
        return f"{step.instruction}: ran, and was foreseen to be found"
    return f"{step.instruction}: was found, and was foreseen to run"
