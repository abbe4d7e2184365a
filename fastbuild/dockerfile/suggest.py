"""`(did you mean FROM?)`, as util/suggest of BuildKit v0.34.1 finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FAR = 3


def did_you_mean(word: str, known: Iterable[str], *, fold: bool = True) -> str:
    """A hint in brackets, a blank before it; empty if nothing is within two edits. `fold` ignores case."""
    asked = word.lower() if fold else word
    best, least = "", _FAR
    for option in sorted(
        known, key=lambda each: (each[:1].lower() != asked[:1], each)
    ):  # BuildKit draws lots
        each = option.lower() if fold else option
        if each == asked:
            return ""
        if (distance := edits(asked, each)) < least:
            best, least = option, distance
    if fold and best:
        best = (
            best.lower() if word == word.lower() else best.upper() if word == word.upper() else best.lower()
        )
    return f" (did you mean {best}?)" if best else ""


def edits(one: str, other: str) -> int:
    """How many characters must be changed, put in or taken out (Levenshtein); 3 for lengths so far apart."""
    if abs(len(one) - len(other)) >= _FAR:
        return _FAR
    row = list(range(len(other) + 1))
    for number, char in enumerate(one, 1):
        before, row[0] = row[0], number
        for column, each in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(before + (char != each), row[column] + 1, row[column - 1] + 1),
            )
    return row[-1]
