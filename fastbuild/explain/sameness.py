"""Whether two steps of two builds have one key: yes, no, or not known.

A key is the operation's digest, and for each input its content, or what it comes from (solver/cachekey.go of
BuildKit: either is enough).
"""

from __future__ import annotations

from fastbuild.explain.sidefile import InputKind, SideFile, StepInput

MOST = 200_000
"""Pairs of steps looked at; real builds have a few hundred."""


class Sameness:
    """Compares steps of `now` with steps of `before`, by number; each pair once."""

    def __init__(self, now: SideFile, before: SideFile) -> None:
        self._now = now
        self._before = before
        self._known: dict[tuple[int, int], bool | None] = {}

    def same(self, mine: int, theirs: int) -> bool | None:
        """Whether both steps have the same key; None where the evidence doesn't decide."""
        stack = [(mine, theirs)]
        while stack:
            pair = stack[-1]
            if pair in self._known:
                stack.pop()
                continue
            needed = [each for each in self._needed(*pair) if each not in self._known]
            if needed and len(self._known) + len(stack) < MOST:
                stack += needed
                continue
            self._known[pair] = self._compare(*pair)
            stack.pop()
        return self._known[mine, theirs]

    def same_input(self, one: StepInput, other: StepInput) -> bool | None:
        """The same of one input of each."""
        if one.content and one.content == other.content:
            return True  # whatever the files are called outside
        if one.selector != other.selector:
            return False
        if one.kind is InputKind.CONTEXT or other.kind is InputKind.CONTEXT:
            both = bool(one.content and other.content)
            return False if both else None
        source = self._same_source(one, other)
        if source is False and (one.paths or other.paths) and not (one.content and other.content):
            return None  # its content may be equal all the same
        return source

    def _same_source(self, one: StepInput, other: StepInput) -> bool | None:
        if one.kind is not other.kind:
            return False
        if one.kind is InputKind.STEP:
            return self.same(one.step, other.step)
        if one.kind is InputKind.NONE:
            return True
        if not one.digest or not other.digest:
            return None
        return one.digest == other.digest and one.platform == other.platform

    def _needed(self, mine: int, theirs: int) -> list[tuple[int, int]]:
        one, other = self._now.steps[mine], self._before.steps[theirs]
        if one.op != other.op or len(one.inputs) != len(other.inputs):
            return []
        pairs = zip(one.inputs, other.inputs, strict=True)
        return [(a.step, b.step) for a, b in pairs if a.step >= 0 and b.step >= 0]

    def _compare(self, mine: int, theirs: int) -> bool | None:
        one, other = self._now.steps[mine], self._before.steps[theirs]
        if one.op and other.op and (one.op != other.op or len(one.inputs) != len(other.inputs)):
            return False
        if not one.op or not other.op or len(one.inputs) != len(other.inputs):
            return None
        known = [self._known_input(a, b) for a, b in zip(one.inputs, other.inputs, strict=True)]
        return False if False in known else None if None in known else True

    def _known_input(self, one: StepInput, other: StepInput) -> bool | None:
        if one.step >= 0 and other.step >= 0 and (one.step, other.step) not in self._known:
            return None  # beyond MOST
        return self.same_input(one, other)
