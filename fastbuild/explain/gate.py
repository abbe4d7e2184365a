"""Gates on recorded builds: the newest against the median of those before it, and the share of hits.

A single build is noisy, so it counts as slower only if it is beyond the limit *and* outside the noise: more
than three standard deviations above the median, the deviation taken as 1.4826 times the median absolute
deviation, which a few outliers do not move (Hampel 1974; 1.4826 makes it that of a normal distribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Finding, Level
from fastbuild.explain.promised import Judgement, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.explain.promises import Budget

FEWEST = 5
"""Builds without which no median is trusted."""
DEVIATIONS = 3.0
NORMAL = 1.4826
SLOWER = "slower-than-median"
HIT_RATE = "hit-rate-too-low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One recorded build: wall seconds, its steps, how many of them were executed, seconds of those."""

    id: str
    seconds: float
    steps: int
    ran: int
    executed: Mapping[str, float]


def judge_speed(build: Sample | None, past: Sequence[Sample], budget: Budget) -> Judgement:
    """Whether `build` is slower than the median of `past` by more than the budget allows."""
    limit = budget.slower_than_median or 0.0
    if build is None or len(past) < FEWEST:
        what = f"{len(past)} recorded builds of {budget.branch}; {FEWEST} are needed"
        return _judgement("slower_than_median", Status.UNKNOWN, what if build else "no build is recorded yet")
    usual = median(sample.seconds for sample in past)
    noise = NORMAL * median(abs(sample.seconds - usual) for sample in past)
    said = (
        f"{build.seconds:.1f} s; the median of {len(past)} builds of {budget.branch} is {usual:.1f} s, "
        f"their noise {noise:.1f} s"
    )
    bound = max(usual * (1 + limit), usual + DEVIATIONS * noise)
    if build.seconds <= bound:
        return _judgement("slower_than_median", Status.KEPT, said)
    finding = Finding(
        code=SLOWER,
        level=Level.ERROR,
        message=f"build {build.id} took {build.seconds:.1f} s, {build.seconds / usual - 1:.0%} more than the "
        f"median of {len(past)} builds of {budget.branch} ({usual:.1f} s; allowed {limit:.0%}, and "
        f"{DEVIATIONS:g} times the noise of {noise:.1f} s){_excess(build, past)}",
        start=0,
        end=0,
        hint=f"fastbuild history show {build.id} tells where the time went",
    )
    return _judgement("slower_than_median", Status.BROKEN, said, finding)


def judge_hits(past: Sequence[Sample], budget: Budget) -> Judgement:
    """Whether enough steps of recorded builds had not to be executed.

    A step that was never looked up, because a later one was found, counts as spared.
    """
    least = budget.min_hit_rate or 0.0
    steps = sum(sample.steps for sample in past)
    if not steps:
        return _judgement("min_hit_rate", Status.UNKNOWN, "no build is recorded yet")
    ran = sum(sample.ran for sample in past)
    rate = 1 - ran / steps
    said = f"{rate:.0%} of {steps} steps in {len(past)} builds did not run"
    if rate >= least:
        return _judgement("min_hit_rate", Status.KEPT, said)
    counts: dict[str, int] = {}
    for sample in past:
        for step in sample.executed:
            counts[step] = counts.get(step, 0) + 1
    worst = max(counts, key=lambda step: counts[step], default="")
    finding = Finding(
        code=HIT_RATE,
        level=Level.ERROR,
        message=f"the hit rate is {rate:.0%}, less than {least:.0%}: {ran} of {steps} steps ran in the last "
        f"{len(past)} builds, `{worst}` in {counts.get(worst, 0)} of them",
        start=0,
        end=0,
        hint="fastbuild explain tells why the steps of a build ran",
    )
    return _judgement("min_hit_rate", Status.BROKEN, said, finding)


def _judgement(name: str, status: Status, said: str, *findings: Finding) -> Judgement:
    return Judgement(
        kind="history", name=name, status=status, said=f"budget {name}: {status} ({said})", findings=findings
    )


def _excess(build: Sample, past: Sequence[Sample]) -> str:
    """The step that took the most more than it usually does; one that usually is found, usually takes 0."""
    usual = {step: median(sample.executed.get(step, 0.0) for sample in past) for step in build.executed}
    more = {step: seconds - usual[step] for step, seconds in build.executed.items()}
    worst = max(more, key=lambda step: more[step], default=None)
    if worst is None or more[worst] <= 0:
        return ""
    return f"; most of it is `{worst}`, {build.executed[worst]:.1f} s instead of {usual[worst]:.1f} s"
