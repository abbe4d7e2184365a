"""Many Dockerfiles on two cores: this process and a forked copy of it take them from one queue."""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Item = TypeVar("Item")
    Result = TypeVar("Result")

WORTH_IT = 40
"""Items; a fork and the way back take about ten milliseconds."""
MOST_PARTS = 256
"""A part's number is one byte of the queue, which is a pipe and holds far more."""


def shared(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Result],
    prepare: Callable[[], object],
) -> list[Result]:
    """`work` of all items, or of parts of them, in their order.

    `prepare` is called ahead of a fork, for what both would else do. Results must be picklable. If the copy
    fails in any way, what it took is done here.
    """
    if len(items) < WORTH_IT or len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
        return [work(items)]
    prepare()
    size = -(-len(items) // MOST_PARTS)
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    queue, filling = os.pipe()
    os.write(filling, bytes(range(len(parts))))
    os.close(filling)
    answer, answering = os.pipe()
    child = os.fork()
    if child == 0:
        _serve(lambda: _taken(parts, queue, work), answering)
    os.close(answering)
    try:
        with os.fdopen(answer, "rb") as pipe:
            done = _taken(parts, queue, work)
            theirs = pipe.read()
    finally:
        os.close(queue)
        _, status = os.waitpid(child, 0)
    if status == 0:
        done |= pickle.loads(theirs)
    return [done[number] if number in done else work(part) for number, part in enumerate(parts)]


def _taken(
    parts: Sequence[Sequence[Item]], queue: int, work: Callable[[Sequence[Item]], Result]
) -> dict[int, Result]:
    """The results of those parts that this process got, by number."""
    done = {}
    while number := os.read(queue, 1):
        done[number[0]] = work(parts[number[0]])
    return done


def _serve(work: Callable[[], object], writing: int) -> None:
    """In the copy: never returns, for what the caller would do next is not ours to do twice."""
    status = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(work(), protocol=pickle.HIGHEST_PROTOCOL))
        status = 0
    finally:
        os._exit(status)
