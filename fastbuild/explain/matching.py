"""Which step of an earlier build is which step of this one, by stage, instruction and place.

An inserted or removed instruction must not shift the others: equal texts are matched first, in order, then
moved ones, then what stands in the same gap with the same keyword.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from fastbuild.progress.rawjson import StepName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.explain.sidefile import StepKey

MOST = 400
"""Steps of a stage that are aligned exactly; longer ones, which nobody writes, only by equal text."""
MOST_STAGES = 60
"""Stages that are compared with each other; of more, only those of one name are paired."""
MOST_PAIRS = 2_000
"""Texts that are compared with each other in one gap."""
_UNNAMED = re.compile(r"(?:stage-\d+)?")
_ALIKE = 0.3
"""Least share of equal words in two texts that are taken for one instruction, edited."""

_Stage = tuple[str, int]


def match_steps(now: Sequence[StepKey], before: Sequence[StepKey]) -> dict[int, int]:
    """Numbers of steps in `now` → numbers in `before`; steps without a counterpart are missing."""
    found: dict[int, int] = {}
    mine, theirs = _by_platform(now), _by_platform(before)
    for platform, steps in mine.items():
        other = platform if platform in theirs else next(iter(theirs), "")
        if other in theirs:
            _match_platform(now, before, steps, theirs[other], found)
    return found


def _by_platform(steps: Sequence[StepKey]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, step in enumerate(steps):
        found[step.platform].append(number)
    return found


def _match_platform(
    now: Sequence[StepKey],
    before: Sequence[StepKey],
    mine: list[int],
    theirs: list[int],
    found: dict[int, int],
) -> None:
    new, old = _by_stage(now, mine), _by_stage(before, theirs)
    for one, other in _pair_stages(now, before, new, old):
        pairs = _Pairs([now[i].text for i in new[one]], [before[j].text for j in old[other]])
        found |= {new[one][i]: old[other][j] for i, j in pairs.run().items()}


def _by_stage(steps: Sequence[StepKey], numbers: list[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        found[StepName.parse(steps[number].name).stage].append(number)
    return found


def _pair_stages(
    now: Sequence[StepKey],
    before: Sequence[StepKey],
    new: Mapping[str, list[int]],
    old: Mapping[str, list[int]],
) -> Iterator[tuple[str, str]]:
    texts = {("n", name): Counter(now[i].text for i in numbers) for name, numbers in new.items()}
    texts |= {("o", name): Counter(before[i].text for i in numbers) for name, numbers in old.items()}
    scored = []
    for x, one in enumerate(new):
        for y, other in enumerate(old):
            if one != other and max(len(new), len(old)) > MOST_STAGES:
                continue
            shared = (texts["n", one] & texts["o", other]).total()
            same_name = one == other and not _UNNAMED.fullmatch(one)
            score = 10 * shared + (15 if same_name else 1 if one == other else 0)
            scored.append((-score, abs(x - y), one, other))
    left, right = set(new), set(old)
    for negative, _, one, other in sorted(scored):
        if one in left and other in right and (negative or (len(left) == len(right) == 1)):
            left.discard(one)
            right.discard(other)
            yield one, other


class _Pairs:
    """The steps of one stage, then and now, as texts."""

    def __init__(self, now: list[str], before: list[str]) -> None:
        self._now = now
        self._before = before
        self._found: dict[int, int] = {}
        self._gaps: list[tuple[range, range]] = []

    def run(self) -> dict[int, int]:
        """Numbers within the stage: now → before."""
        if max(len(self._now), len(self._before)) <= MOST:
            self._equal_in_order()
        self._moved()
        for mine, theirs in self._gaps:
            self._edited(mine, theirs)
        return self._found

    def _equal_in_order(self) -> None:
        matcher = SequenceMatcher(None, self._now, self._before, autojunk=False)
        for what, a, b, c, d in matcher.get_opcodes():
            if what == "equal":
                self._found.update(zip(range(a, b), range(c, d), strict=True))
            elif what == "replace":
                self._gaps.append((range(a, b), range(c, d)))

    def _moved(self) -> None:
        taken = set(self._found.values())
        free: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self._before):
            if number not in taken:
                free[text].append(number)
        for number, text in enumerate(self._now):
            if number not in self._found and free.get(text):
                self._found[number] = free[text].pop(0)

    def _edited(self, mine: range, theirs: range) -> None:
        taken = set(self._found.values())
        new = [i for i in mine if i not in self._found]
        old = [j for j in theirs if j not in taken]
        for keyword in dict.fromkeys(_keyword(self._now[i]) for i in new):
            ours = [i for i in new if _keyword(self._now[i]) == keyword]
            others = [j for j in old if _keyword(self._before[j]) == keyword]
            if len(ours) == len(others) == 1 and len(new) == len(old):
                self._found[ours[0]] = others[0]
                continue
            self._alike(ours, others)

    def _alike(self, ours: list[int], others: list[int]) -> None:
        if len(ours) * len(others) > MOST_PAIRS:
            return
        scored = [(-_likeness(self._now[i], self._before[j]), i, j) for i in ours for j in others]
        for negative, i, j in sorted(scored):
            crossing = any((i - x) * (j - y) <= 0 for x, y in self._found.items() if x in ours)
            if -negative >= _ALIKE and not crossing:
                self._found[i] = j


def _keyword(text: str) -> str:
    return text.partition(" ")[0].upper()


def _likeness(one: str, other: str) -> float:
    mine, theirs = Counter(_words(one)), Counter(_words(other))
    return 2 * (mine & theirs).total() / max(mine.total() + theirs.total(), 1)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.@=-]+", text[:4000])[1:]
