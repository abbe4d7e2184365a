"""Many Dockerfiles on two cores: a forked copy of this process analyses the second half of them."""

from __future__ import annotations

import os
import pickle
import threading
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Item = TypeVar("Item")
    Result = TypeVar("Result")

WORTH_IT = 40
"""Items; a fork and the way back take about ten milliseconds."""


def halved(
    items: Sequence[Item],
    weights: Sequence[int],
    work: Callable[[Sequence[Item]], Result],
    prepare: Callable[[], object],
) -> tuple[Result, ...]:
    """`work` of all items, or of the first and of the second half of their weight, whatever is faster.

    `prepare` is called ahead of a fork, for what both halves would else do. Results must be picklable. If
    the copy fails in any way, its part is done here.
    """
    if len(items) < WORTH_IT or len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        return (work(items),)
    prepare()
    middle = _middle(weights)
    mine, theirs = items[:middle], items[middle:]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _serve(lambda: work(theirs), writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            done = work(mine)
            answer = pipe.read()
    finally:
        _, status = os.waitpid(child, 0)
    if status == 0:
        return done, pickle.loads(answer)
    return done, work(theirs)


def _middle(weights: Sequence[int]) -> int:
    """How many items from the first on weigh half of all, as nearly as can be, but at least one."""
    sums = list(accumulate(weights))
    return max(bisect(sums, sums[-1] / 2), 1)


def _serve(work: Callable[[], object], writing: int) -> None:
    """In the copy: never returns, for what the caller would do next is not ours to do twice."""
    status = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(work(), protocol=pickle.HIGHEST_PROTOCOL))
        status = 0
    finally:
        os._exit(status)
