"""Stretches of time as sorted, disjoint (start, end) pairs, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Intervals = tuple[tuple[float, float], ...]


def union(intervals: Iterable[tuple[float, float]]) -> Intervals:
    """The time covered by any of them; what overlaps or touches becomes one."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif end > start:
            merged.append((start, end))
    return tuple(merged)


def without(intervals: Intervals, taken: Intervals) -> Intervals:
    """The part of `intervals` that lies outside `taken`; both as `union` makes them."""
    left: list[tuple[float, float]] = []
    for interval in intervals:
        start, end = interval
        for taken_start, taken_end in taken:
            if taken_end <= start or taken_start >= end:
                continue
            if taken_start > start:
                left.append((start, taken_start))
            start = max(start, taken_end)
        if start < end:
            left.append((start, end))
    return tuple(left)


def seconds(intervals: Intervals) -> float:
    """The total length of disjoint intervals."""
    return sum(end - start for start, end in intervals)
