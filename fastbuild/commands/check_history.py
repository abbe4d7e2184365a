"""Recorded builds of a Dockerfile, as the gates on history take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.explain.gate import Sample, judge_hits, judge_speed
from fastbuild.history import History
from fastbuild.progress.timings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.explain.promised import Judgement
    from fastbuild.explain.promises import Budget
    from fastbuild.history import BuildRecord
    from fastbuild.paths import Paths
    from fastbuild.request import BuildRequest

LOOKED_AT = 500
"""Builds: those of other projects are among them."""
_COUNTED = ("RUN", "COPY", "ADD")
_EXECUTED = frozenset({Status.RAN, Status.FAILED, Status.CANCELLED})


def judge_history(
    paths: Paths, budget: Budget, dockerfile: Dockerfile, request: BuildRequest, build: str
) -> Iterator[Judgement]:
    """The gates that look at recorded builds. `build` is an id, or empty for the newest.

    Raises UsageError for an id that is not recorded, and a history that can't be read.
    """
    history = History(paths.history)
    target = request.target or ""
    records = [r for r in history.list(LOOKED_AT, target) if r.result == "ok" and is_of(r, dockerfile)]
    if budget.slower_than_median is not None:
        judged = history.get(build) if build else next(iter(records), None)
        past = [r for r in records if judged and r.branch == budget.branch and r.id < judged.id]
        samples = [sample(record) for record in past[: budget.builds]]
        yield judge_speed(sample(judged) if judged else None, samples, budget)
    if budget.min_hit_rate is not None:
        yield judge_hits([sample(record) for record in records[: budget.builds]], budget)


def is_of(record: BuildRecord, dockerfile: Dockerfile) -> bool:
    """Whether a recorded build had at least half of a Dockerfile's RUN, COPY and ADD.

    Records name Dockerfiles as they were typed, so only the steps tell.
    """
    own = {_words(i.text) for i in dockerfile.instructions if i.keyword in _COUNTED and not i.heredocs}
    steps = {_words(step.instruction) for step in record.timing.steps}
    return bool(own) and 2 * len(own & steps) >= len(own)


def sample(record: BuildRecord) -> Sample:
    """What the gates need of a record."""
    executed: dict[str, float] = {}
    for step in record.timing.steps:
        if step.status in _EXECUTED:
            text = _words(step.instruction)
            executed[text] = executed.get(text, 0.0) + step.execute
    counts = record.timing.counts()
    return Sample(
        id=record.id,
        seconds=record.seconds,
        steps=counts.steps,
        ran=counts.ran + counts.failed + counts.cancelled,
        executed=executed,
    )


def _words(text: str) -> str:
    keyword, _, rest = text.partition(" ")
    return " ".join([keyword.upper(), *rest.split()])
