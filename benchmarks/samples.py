"""Interleaved timings: contestants in random order within each round, compared round by round.

Other work on the machine slows a whole round more than one contestant of it, so only the medians of
per-round ratios and differences are worth quoting.
"""

from __future__ import annotations

import os
import platform
import random
import statistics
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A program to time. `before` is called ahead of each run, untimed."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    before: Callable[[], None] = lambda: None


Samples = dict[str, list[dict[str, float]]]
"""Contestant → one {"seconds": wall time, "cpu": user + system of its processes} per round."""


def interleave(contestants: Sequence[Contestant], rounds: int, *, warm_ups: int = 2) -> Samples:
    """Run every contestant once per round, in an order drawn anew each time."""
    order = list(contestants)
    samples: Samples = {contestant.name: [] for contestant in contestants}
    dice = random.Random(1)
    for number in range(-warm_ups, rounds):
        dice.shuffle(order)
        for contestant in order:
            contestant.before()
            sample = _timed(contestant)
            if number >= 0:
                samples[contestant.name].append(sample)
    return samples


def _timed(contestant: Contestant) -> dict[str, float]:
    before = os.times()
    start = time.perf_counter()
    done = subprocess.run(
        contestant.argv,
        env=dict(contestant.env),
        cwd=contestant.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - start
    after = os.times()
    if done.returncode:
        raise SystemExit(f"{contestant.name} ended with code {done.returncode}: {' '.join(contestant.argv)}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 5), "cpu": round(cpu, 3)}


def spread(samples: Samples, name: str) -> dict[str, float]:
    """Median, smallest and largest wall time, and the median of CPU time, in seconds."""
    seconds = [sample["seconds"] for sample in samples[name]]
    return {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "cpu": statistics.median(sample["cpu"] for sample in samples[name]),
    }


def compare(samples: Samples, ours: str, theirs: str) -> dict[str, float]:
    """Medians over the rounds: ours / theirs, ours - theirs in seconds, and the difference of CPU time."""
    rounds = list(zip(samples[ours], samples[theirs], strict=True))
    return {
        "ratio": statistics.median(a["seconds"] / b["seconds"] for a, b in rounds),
        "difference": statistics.median(a["seconds"] - b["seconds"] for a, b in rounds),
        "cpu": statistics.median(a["cpu"] - b["cpu"] for a, b in rounds),
    }


def machine() -> dict[str, object]:
    """Where and when this was measured."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "memory_mb": int(memory) // 1024,
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
    }
