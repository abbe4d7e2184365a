"""Lists of include or exclude patterns, compared with one path after the other down a tree.

Source: `New` and `MatchesUsingParentResults` of moby/patternmatcher v0.6.1. `dockerfile.ignore` has the same
rules for ignore files; BuildKit's hasher feeds them differently: with paths below a prefix, and without
what the parent matched where the parent is not below it.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import BLANK
from fastbuild.dockerfile.pattern import compile_pattern, is_malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Matched = tuple[bool, ...]
"""Which patterns matched a path or one above it; empty where nothing is known."""


class Patterns:
    """Raises ValueError, here or when first compared, for a pattern that BuildKit calls malformed."""

    __slots__ = ("_excepts", "_tests", "_texts")

    def __init__(self, patterns: Iterable[str]) -> None:
        texts = [_clean(stripped) for each in patterns if (stripped := each.strip(BLANK))]
        self._excepts = tuple(text.startswith("!") for text in texts)
        self._texts = tuple(text.removeprefix("!") for text in texts)
        self._tests: list[Callable[[str], bool] | None] = [None] * len(texts)
        for text in self._texts:
            if not text or is_malformed(text):
                raise ValueError(f"syntax error in pattern {text!r}")

    def match(self, path: str, above: Matched) -> tuple[bool, Matched]:
        """Whether a relative path is matched; `above` is what this returned for its directory."""
        matched = False
        results = []
        for number, excepts in enumerate(self._excepts):
            hit = above[number] if above else False
            # a pattern that could change nothing is not compared, and counts as unmatched below
            if not hit and excepts == matched:
                hit = self._test(number, path) or (not above and self._fits_parent(number, path))
            results.append(hit)
            if hit:
                matched = not excepts
        return matched, tuple(results)

    def _test(self, number: int, path: str) -> bool:
        test = self._tests[number]
        if test is None:
            test = self._tests[number] = compile_pattern(self._texts[number])
        return test(path)

    def _fits_parent(self, number: int, path: str) -> bool:
        end = path.find("/")
        while end >= 0:
            if self._test(number, path[:end]):
                return True
            end = path.find("/", end + 1)
        return False


def _clean(path: str) -> str:
    """Go's `filepath.Clean`; `normpath` differs for two leading slashes alone."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned
