"""Why each step ran: the first cause, from the side files of this build and of earlier ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.explain.differences import Comparison
from fastbuild.explain.evidence import LOCAL, Evidence, Outcome, gone, unknown
from fastbuild.explain.losses import Losses
from fastbuild.explain.reasons import Cause, Difference, Reason, code, shown
from fastbuild.explain.sidefile import is_internal
from fastbuild.progress.rawjson import StepName
from fastbuild.progress.timings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastbuild.explain.sidefile import SideFile, StepKey

RAN = frozenset({Status.RAN, Status.FAILED, Status.CANCELLED})
_NOTHING = Evidence(complete=False)
_WEAK_CAUSES = frozenset({Cause.UNKNOWN, Cause.EVICTED, Cause.OVERWRITTEN, Cause.MODE_MIN, Cause.NOT_READ})
_WEAK_CAUSES |= {Cause.IMPORT_FAILED, Cause.NEVER_BUILT, Cause.ENGINE}
_UNDECIDED = frozenset({Cause.UNKNOWN, Cause.NOT_READ, Cause.NEVER_BUILT})
"""Of the build compared with: another one may tell more."""


def explain(now: SideFile, before: Sequence[SideFile], evidence: Evidence = _NOTHING) -> tuple[Reason, ...]:
    """One reason for each step that ran, in build order.

    `before` are earlier builds that this one could have used, the likeliest first; the one with most equal
    steps is compared with. A step has several operations only with `COPY --link`: then the first of them
    that is known to differ is told.
    """
    comparisons = [Comparison(now, each) for each in before]
    best = _best(comparisons, now)
    losses = Losses(now, evidence)
    found = [
        _reason(now, number, best, comparisons, evidence, losses)
        for number, step in enumerate(now.steps)
        if step.status in RAN and not is_internal(step)
    ]
    return tuple(_one_each(found))


def _best(comparisons: list[Comparison], now: SideFile) -> Comparison | None:
    """The earlier build with most equal steps; the first of several."""
    scores = [sum(each.twin(n) is not None for n in range(len(now.steps))) for each in comparisons]
    return comparisons[scores.index(max(scores))] if comparisons else None


def _reason(
    now: SideFile,
    number: int,
    best: Comparison | None,
    others: list[Comparison],
    evidence: Evidence,
    losses: Losses,
) -> Reason:
    step = now.steps[number]
    ignored = _ignored(now, step, evidence)
    if ignored is not None:
        return _told(step, [ignored], None, now)
    if best is None:
        return _told(step, [_alone(evidence)], None, now)
    twin = best.twin(number)
    equal = gone(now, step, best.before, best.before.steps[twin], evidence) if twin is not None else None
    if equal is None or equal.cause in _UNDECIDED:
        if (elsewhere := _elsewhere(now, number, best, others, evidence)) is not None:
            return elsewhere
        if (lost := losses.of(number)) is not None:
            return replace(_told(step, [lost.why], None, now), against=shown(lost.build))
    if equal is not None:
        return _told(step, [equal], best.before, now)
    if (besides := losses.besides(number, best)) is not None:
        return replace(_told(step, besides[1], None, now), against=shown(besides[0]))
    differences = best.differences(number)
    if differences:
        top = best.root(number)
        root = {each.sentence for each in best.differences(top)} if top != number else set()
        rest = [each for each in differences[1:] if each.sentence not in root]
        return _told(step, [differences[0], *rest], best.before, now)
    said = f"it can't be told what differs from build {shown(best.before.build)}"
    return _told(step, [unknown(said)], best.before, now)


def _elsewhere(
    now: SideFile, number: int, best: Comparison, others: list[Comparison], evidence: Evidence
) -> Reason | None:
    """The same key in another build whose cache was read as well: then only its record can be gone."""
    labels = {cache.label for cache in evidence.caches if cache.label}
    for other in others:
        if other is best or other.before.cache not in labels:
            continue
        twin = other.twin(number)
        if twin is None:
            continue
        found = gone(now, now.steps[number], other.before, other.before.steps[twin], evidence)
        if found.cause not in (Cause.UNKNOWN, Cause.NEVER_BUILT):
            return _told(now.steps[number], [found], other.before, now)
    return None


def _ignored(now: SideFile, step: StepKey, evidence: Evidence) -> Difference | None:
    stage = StepName.parse(step.name).stage
    if not (now.no_cache or step.ignore_cache):
        return None
    ages = dict(evidence.expired)
    if stage in ages and not now.no_cache:
        said = f"expired by policy: {shown(ages[stage])}"
        return Difference(cause=Cause.EXPIRED, sentence=said, subject=shown(stage))
    if now.no_cache:
        return Difference(cause=Cause.NO_CACHE, sentence="the cache was not asked: --no-cache")
    if now.no_cache_filter:
        names = ",".join(now.no_cache_filter)
        said = f"the cache was not asked: --no-cache-filter={shown(names)}"
        return Difference(cause=Cause.NO_CACHE_FILTER, sentence=said, subject=shown(stage))
    return Difference(cause=Cause.NO_CACHE, sentence="the cache was not asked for this step")


def _alone(evidence: Evidence) -> Difference:
    """Without any earlier build. A fresh engine's own store is empty, whatever reading it came to."""
    caches = [each for each in evidence.caches if not (evidence.fresh and each.label == LOCAL)]
    failed = [each for each in caches if each.outcome is Outcome.FAILED]
    read = [each for each in caches if each.outcome is Outcome.READ]
    absent = [each for each in caches if each.outcome is Outcome.ABSENT]
    if failed and not read and evidence.fresh:
        first = failed[0]
        why = f": {shown(first.error, 200)}" if first.error else ""
        said = f"nothing could be reused: {code(first.label)} could not be read{why}"
        return Difference(cause=Cause.IMPORT_FAILED, sentence=said, cache=first.label)
    if evidence.caches and not caches and evidence.complete:
        said = "nothing could be reused: the engine's store was empty, and no cache was named"
        return Difference(cause=Cause.NEVER_BUILT, sentence=said)
    if absent and len(absent) == len(caches) and evidence.complete and evidence.fresh:
        said = f"nothing could be reused: nothing lies under {code(absent[0].label)}"
        return Difference(cause=Cause.NEVER_BUILT, sentence=said, cache=absent[0].label)
    return unknown("no earlier build is known")


def _told(step: StepKey, differences: Sequence[Difference], before: SideFile | None, now: SideFile) -> Reason:
    first, *rest = differences
    also = dict.fromkeys((*first.also, *(each.sentence for each in rest)))
    also.pop(first.sentence, None)
    return Reason(
        step=step.name,
        line=step.line,
        platform=step.platform,
        cause=first.cause,
        sentence=first.sentence,
        files=first.files,
        count=first.count,
        subject=first.subject,
        before=first.before,
        after=first.after,
        where=first.where,
        follows=now.steps[first.follows].name if first.follows >= 0 else "",
        cache=first.cache,
        against=before.build if before else "",
        also=tuple(also),
    )


def _one_each(found: Iterable[Reason]) -> list[Reason]:
    """One reason for each step that progress shows."""
    by_step: dict[tuple[object, ...], Reason] = {}
    for reason in found:
        name = StepName.parse(reason.step)
        key = (reason.platform, name.stage, name.index, name.total) if name.index else (reason.step,)
        held = by_step.get(key)
        if held is None or (held.cause in _WEAK_CAUSES and reason.cause not in _WEAK_CAUSES):
            by_step[key] = reason
    return list(by_step.values())
