"""Do two builds of one Dockerfile differ in a thing as the build of another one differs from them?

Two samples show what varies: a time, a counter, a random name. A third thing is explained by them if it
equals both wherever they are equal, and has their form where they are not.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from enum import Enum

WORD = re.compile(r"([0-9A-Za-z:._-]*[0-9][0-9A-Za-z:._-]*)")
"""A run of characters with a digit in it: times and versions stay in one piece."""
TEMPORARY = re.compile(r"\btmp(?:[a-z0-9_]{8}|\.[0-9A-Za-z]{10}|\.[0-9A-Za-z]{6})(?![0-9A-Za-z_])")
"""What Python's tempfile and the mktemp of coreutils and busybox call their files; letters alone occur."""
PART = re.compile(r"[0-9A-Za-z]+")
LONG = 6
"""Letters from which on mixed case or hex digits look random (mktemp's XXXXXXXXXX, a short hash)."""
BLOCK = 4096
REACH = 8
"""Bytes around a varying one that may vary too: a 64-bit time of which two samples differ in one byte."""
MOST_VARYING = 0.05
"""Share of a binary file's bytes above which two samples are simply different."""


class Alike(Enum):
    """EXPLAINED by the two samples, BEYOND what they differ in, or UNKNOWN: they don't tell."""

    EXPLAINED = 1
    BEYOND = 2
    UNKNOWN = 3


def shape(text: str) -> str:
    """`text` with numbers and what looks random replaced: `2026-11-23T09_debug-0.log` → `0-0-x_debug-0.log`.

    Only meaningful between things that are known to vary.
    """
    return PART.sub(lambda match: _part(match[0]), TEMPORARY.sub("tmp.0x", text))


def _part(part: str) -> str:
    if part.isdigit():
        return "0"
    if any(c.isdigit() for c in part):
        return "x"
    is_hex = len(part) >= LONG and all(c in "abcdefABCDEF" for c in part)
    mixed = len(part) >= LONG and not (part.islower() or part.isupper() or part.istitle())
    return "x" if is_hex or mixed else part


def alike(one: bytes, two: bytes, new: bytes) -> Alike:
    """How `new` stands to the samples `one` and `two`, which differ."""
    if new in (one, two):
        return Alike.EXPLAINED
    if b"\0" in one or b"\0" in two or b"\0" in new:
        return _binary(one, two, new)
    return _text(*(WORD.split(content.decode("utf-8", "surrogateescape")) for content in (one, two, new)))


def _text(one: list[str], two: list[str], new: list[str]) -> Alike:
    if _form(one) != _form(two):
        return Alike.UNKNOWN
    if _form(new) != _form(one):
        return Alike.BEYOND
    varies = (left != right for left, right in zip(one, two, strict=True))
    explained = all(varied or left == other for varied, left, other in zip(varies, one, new, strict=True))
    # Where a small number is equal in both samples by chance (`took 5 ms`), nothing can be said.
    return Alike.EXPLAINED if explained else Alike.UNKNOWN


def _form(words: list[str]) -> list[str]:
    return [shape(word) if number % 2 else word for number, word in enumerate(words)]


def _binary(one: bytes, two: bytes, new: bytes) -> Alike:
    if not len(one) == len(two) == len(new):
        return Alike.UNKNOWN
    varying = _unequal(one, two)
    if len(varying) > len(one) * MOST_VARYING:
        return Alike.UNKNOWN
    for place in _unequal(one, new):
        index = bisect_left(varying, place)
        if all(abs(near - place) > REACH for near in varying[max(0, index - 1) : index + 1]):
            return Alike.UNKNOWN
    return Alike.EXPLAINED


def _unequal(one: bytes, two: bytes) -> list[int]:
    found: list[int] = []
    for start in range(0, len(one), BLOCK):
        left, right = one[start : start + BLOCK], two[start : start + BLOCK]
        if left != right:
            found += [start + i for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    return found
