"""What the caches of a finished build held, and what came of the engine's reading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.explain.evidence import LOCAL, CacheEvidence, Evidence, Outcome, Writer
from fastbuild.keys.lookup import ONE_KEY
from fastbuild.keys.match import Verdict
from fastbuild.pipeline.left_results import known_keys
from fastbuild.pipeline.run import last_line
from fastbuild.progress.rawjson import StepKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.explain.sidefile import SideFile
    from fastbuild.keys.match import StepVerdict
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.pipeline.read_caches import CacheRead
    from fastbuild.progress.timings import BuildTiming

DROPPED = "the build was made again without it"


def is_written_by(timing: BuildTiming, moment: float) -> bool:
    """Whether the build was writing a cache by `moment` (Unix seconds), so that it may have read its own."""
    exports = (other.started for other in timing.others if other.kind is StepKind.CACHE_EXPORT)
    return any(started is not None and started <= moment for started in exports)


def evidence(
    foreseen: Foreseen, sides: Mapping[str, SideFile], timing: BuildTiming, *, looked: float, fresh: bool
) -> Evidence:
    """What is known of each cache that a build read; `timing` is of its last attempt.

    `foreseen` was made until `looked` (Unix seconds): nothing is known of caches that the build was writing
    by then. `sides` are the files beside them by label; `fresh`: the engine's own store was empty.
    """
    remote = [cache for cache in foreseen.caches if cache.label != LOCAL]
    if remote and is_written_by(timing, looked):
        return Evidence(complete=False)
    faults = _faults(remote, timing)
    return Evidence(
        caches=tuple(
            _evidence_of(cache, foreseen, sides.get(cache.label), faults.get(cache.label))
            for cache in foreseen.caches
        ),
        complete=all(cache.records or cache.absent for cache in foreseen.caches),
        fresh=fresh,
    )


def _faults(caches: Sequence[CacheRead], timing: BuildTiming) -> dict[str, str]:
    """The caches that the engine could not read, by label, and what it said.

    Its lines don't name caches as we do. So a fault is a cache's where all of them failed, or just as many as
    we could not read ourselves. Without any such line all were dropped: the attempt before had failed.
    """
    lines = [other for other in timing.others if other.kind is StepKind.CACHE_IMPORT]
    if not caches:
        return {}
    if not lines:
        return {cache.label: DROPPED for cache in caches}
    errors = [last_line(other.error) for other in lines if other.error]
    unread = [cache for cache in caches if cache.unseen]
    if len(errors) == len(lines):
        return {cache.label: errors[0] for cache in caches if not cache.absent}
    if errors and len(errors) == len(unread):
        return {cache.label: errors[0] if len(errors) == 1 else "" for cache in unread}
    return {}


def _evidence_of(
    cache: CacheRead, foreseen: Foreseen, side: SideFile | None, fault: str | None
) -> CacheEvidence:
    if cache.absent:
        return CacheEvidence(label=cache.label, outcome=Outcome.ABSENT)
    names = {op.digest: op.name for op in foreseen.graph.ops}
    held = (digest for digest, it in foreseen.verdicts.items() if cache.label in it.caches and _told(it))
    if cache.records is None:
        refused = bool(cache.manifest)  # BuildKit does not import it, and says nothing
        outcome = Outcome.FAILED if fault is not None or refused else Outcome.UNSEEN
        return CacheEvidence(label=cache.label, outcome=outcome, error=fault or cache.problem)
    if side is not None and side.manifest != cache.manifest:
        side = None  # another tool has written the cache since
    return CacheEvidence(
        label=cache.label,
        outcome=Outcome.READ if fault is None else Outcome.FAILED,
        error=fault or "",
        manifest=cache.manifest,
        mode=side.mode if side else "",
        writer=_writer(side) if side else None,
        results=frozenset(names[digest] for digest in held),
        keys=known_keys(foreseen, cache.records) if side and side.mode == "min" else None,
        earlier=side.earlier if side else (),
    )


def _told(verdict: StepVerdict) -> bool:
    """Whether the engine had to find what the cache holds. Where a content decided, it is known by now: a
    step that ran has another one."""
    return verdict.verdict is Verdict.HIT or verdict.reason == ONE_KEY


def _writer(side: SideFile) -> Writer:
    return Writer(
        build=side.build,
        branch=side.branch,
        target=side.target,
        platforms=side.platforms,
        created=side.created,
    )
