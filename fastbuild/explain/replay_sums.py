"""Sums over a replayed history: what it costs, what starts rebuilds, how good a prediction was."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.explain.replay import Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidated:
    """An instruction that starts rebuilds: how often, the seconds that were spent from it on, the files that
    did it, and how often each."""

    text: str
    times: int
    seconds: float
    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the commits that can be built, in seconds."""

    commits: int
    failed: int
    seconds: float
    perhaps: float
    mean: float
    median: float
    measured: bool
    invalidated: tuple[Invalidated, ...]


def totals(replayed: Sequence[Replayed]) -> Totals:
    """Sums, without commits that can't be built."""
    built = [each for each in replayed if not each.problem]
    spent = [each.seconds for each in built]
    return Totals(
        commits=len(built),
        failed=len(replayed) - len(built),
        seconds=sum(spent),
        perhaps=sum(each.perhaps for each in built),
        mean=mean(spent) if spent else 0.0,
        median=median(spent) if spent else 0.0,
        measured=all(rerun.instruction.measured for each in built for rerun in each.reruns),
        invalidated=_invalidated(built),
    )


def worst(replayed: Sequence[Replayed], count: int) -> list[int]:
    """The places of the dearest commits, the dearest first."""
    order = sorted(range(len(replayed)), key=lambda place: (-replayed[place].seconds, place))
    return [place for place in order[:count] if replayed[place].seconds > 0]


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation with mean ranks for ties; None for fewer than three pairs, or where all of
    one side are equal."""
    if len(one) < 3:
        return None
    ranks, others = _ranks(one), _ranks(other)
    middle = (len(one) + 1) / 2
    products = sum((a - middle) * (b - middle) for a, b in zip(ranks, others, strict=True))
    squares = sum((a - middle) ** 2 for a in ranks) * sum((b - middle) ** 2 for b in others)
    return products / squares**0.5 if squares else None


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order)))}
    counts = Counter(values)
    return [first[value] + (counts[value] + 1) / 2 for value in values]


def _invalidated(built: Sequence[Replayed]) -> tuple[Invalidated, ...]:
    times: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    files: dict[str, Counter[str]] = {}
    for each in built:
        blamed = {}
        for rerun in each.reruns:
            text = rerun.root.text
            blamed[text] = rerun.files
            seconds[text] += rerun.instruction.seconds if rerun.certain else 0.0
        for text, paths in blamed.items():
            times[text] += 1
            files.setdefault(text, Counter()).update(paths)
    order = sorted(times, key=lambda text: (-seconds[text], -times[text], text))
    return tuple(
        Invalidated(text=text, times=times[text], seconds=seconds[text], files=_most(files[text]))
        for text in order
    )


def _most(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
