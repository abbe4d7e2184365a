"""Which process made which, in a trace: a child may be seen before the call that made it has returned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORK = re.compile(r"(?:<\.\.\. )?(?:clone3?|v?fork)(?:\(| resumed>)")
_CHILD = re.compile(r"\) += (\d+)(?: /\* (\d+) in strace's PID NS \*/)?$")
_CHANGED = re.compile(r"<pid changed to \d+ \.\.\.>$")
_GONE = ("+++ exited", "+++ killed")


def births(lines: Iterable[str]) -> dict[int, int]:
    """The first line of each thread but the first one → the line where the call that made it began.

    Lines count from 0. Thread ids are used again, so each life of one is told apart. A thread whose maker
    is not found is left out.
    """
    alive: dict[int, int] = {}
    orphans: dict[int, list[int]] = {}
    announced: dict[int, list[int]] = {}
    begun: dict[int, int] = {}
    found: dict[int, int] = {}
    for number, line in enumerate(lines):
        head, _, rest = line.partition(" ")
        pid, rest = int(head) if head.isdigit() else 0, rest.strip()
        if rest.startswith("--- "):
            continue  # a signal is no event
        if pid not in alive:
            alive[pid] = number
            if announced.get(pid):
                found[number] = announced[pid].pop(0)
            else:
                orphans.setdefault(pid, []).append(number)
        if rest.startswith(_GONE) or _CHANGED.search(rest):
            alive.pop(pid, None)
        elif _FORK.match(rest):
            _fork(number, pid, rest, begun, orphans, announced, found)
    return found


def _fork(
    number: int,
    pid: int,
    rest: str,
    begun: dict[int, int],
    orphans: dict[int, list[int]],
    announced: dict[int, list[int]],
    found: dict[int, int],
) -> None:
    """Note where a call began, and whom it made."""
    if rest.endswith("<unfinished ...>"):
        begun[pid] = number
        return
    start = begun.pop(pid, number) if rest.startswith("<") else number
    made = _CHILD.search(rest)
    if made is None:
        return
    child = int(made[2] or made[1])
    waiting = [first for first in orphans.get(child, ()) if first > start]
    if waiting:
        orphans[child].remove(waiting[0])
        found[waiting[0]] = start
    else:
        announced.setdefault(child, []).append(start)
