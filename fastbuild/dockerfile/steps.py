"""From the numbers in a step's name (`[build 2/5]`) to its line in the Dockerfile.

Numbering: frontend/dockerfile/dockerfile2llb/convert.go of BuildKit 0.34. A stage's total counts its FROM
(unless the base is scratch or another stage), RUN, COPY, ADD, WORKDIR and every ONBUILD trigger of the base;
its index counts the same, except a WORKDIR that ends in `/` and triggers that make no step. Where text and
numbers don't decide, there is no answer: a wrong line is worse than none.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.dockerfile.model import Instruction, Stage

_PLAIN = re.compile(r"[\w ./,:;&|=*+@%-]+")
"""Text that BuildKit copies into a step's name as it is: no variables, quotes, heredocs or several lines."""

_COUNTED = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})


class _Numbered(Enum):
    """Whether an instruction that is in the total takes an index as well."""

    YES = 1
    NO = 2
    MAYBE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    line: int
    keyword: str
    numbered: _Numbered
    text: str = ""
    onbuild: bool = False

    def may_be(self, instruction: str, onbuild: bool) -> bool:
        """Whether a step of this text can come from here: the keyword is equal, and plain words are."""
        if onbuild is not self.onbuild:
            return False
        keyword, _, rest = instruction.partition(" ")
        if self.onbuild or not instruction:
            return True
        if keyword.upper() != self.keyword:
            return False
        return not _PLAIN.fullmatch(self.text) or self.text.split()[1:] == rest.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    name: str
    number: int
    from_line: int
    base: str
    slots: tuple[_Slot, ...]


@dataclass(frozen=True, slots=True)
class StepLines:
    """The numbered steps of one Dockerfile."""

    stages: tuple[_Stage, ...]

    def lookup(
        self,
        stage: str,
        index: int,
        total: int,
        *,
        instruction: str = "",
        onbuild: bool = False,
        highest: int = 0,
        triggers: int = 0,
    ) -> int | None:
        """The line (from 1) of step `index`/`total` of `stage`, or None when that is in doubt.

        `stage` is as BuildKit names it: empty in a file of one stage, `stage-N` for an unnamed one.
        `instruction` is the step's text; it settles doubts and exposes a mismatch. A trigger (`onbuild`)
        points at the FROM that brought it. `highest` is the highest index seen for this stage: equal to
        `total`, it proves that every instruction took a number. `triggers` counts the trigger steps seen.
        """
        found = {
            slot.line
            for candidate in self._named(stage)
            for slot in _candidates(self._slots(candidate, total, triggers), index, highest == total)
            if slot.may_be(instruction, onbuild)
        }
        return found.pop() if len(found) == 1 else None

    def _named(self, stage: str) -> list[_Stage]:
        if not stage:
            return list(self.stages) if len(self.stages) == 1 else []
        return [s for s in self.stages if (s.name or f"stage-{s.number}") == stage]

    def _slots(self, stage: _Stage, total: int, triggers: int) -> tuple[_Slot, ...]:
        """The stage's steps as counted by BuildKit to arrive at `total`; empty if it can't have."""
        source = _Slot(line=stage.from_line, keyword="FROM", numbered=_Numbered.YES)
        own = self._is_own(stage)
        extra = total - len(stage.slots)
        if own is None:  # a variable hides the base: only an exact count decides
            return stage.slots if extra == 0 else ()
        hidden = extra - (not own)
        if hidden < 0 or (hidden > 0 and triggers == 0):  # not counted by these rules
            return ()
        numbered = _Numbered.YES if hidden == triggers else _Numbered.MAYBE
        trigger = _Slot(line=stage.from_line, keyword="ONBUILD", numbered=numbered, onbuild=True)
        return (*(() if own else (source,)), *([trigger] * hidden), *stage.slots)

    def _is_own(self, stage: _Stage) -> bool | None:
        """Whether the base is scratch or an earlier stage (no number then); None if a variable hides it."""
        if "$" in stage.base:
            return None
        earlier = {s.name for s in self.stages[: stage.number] if s.name}
        return stage.base == "scratch" or stage.base.lower() in earlier


def _candidates(slots: Sequence[_Slot], index: int, complete: bool) -> list[_Slot]:
    """The slots that can carry `index`: each optional one before shifts the count by none or one."""
    found = []
    least = most = 0
    for slot in slots:
        numbered = _Numbered.YES if complete else slot.numbered
        if numbered is _Numbered.NO:
            continue
        if least + 1 <= index <= most + 1:
            found.append(slot)
        most += 1
        least += numbered is _Numbered.YES
    return found


def step_lines(text: str) -> StepLines:
    """Read a Dockerfile's text. Raises DockerfileSyntax."""
    return StepLines(tuple(_numbered_stage(stage) for stage in parse(text).stages))


def _numbered_stage(stage: Stage) -> _Stage:
    slots = (
        _Slot(line=each.start, keyword=each.keyword, numbered=_numbered(each), text=each.text)
        for each in stage.body
        if each.keyword in _COUNTED
    )
    return _Stage(
        name=stage.name,
        number=stage.index,
        from_line=stage.start.start,
        base=stage.base or "$",
        slots=tuple(slots),
    )


def _numbered(instruction: Instruction) -> _Numbered:
    """A WORKDIR takes a number only if it ends somewhere else than `/`."""
    if instruction.keyword != "WORKDIR":
        return _Numbered.YES
    path = instruction.words[0] if len(instruction.words) == 1 else "$"
    if any(special in path for special in "$\\\"'"):
        return _Numbered.MAYBE
    if path.startswith("/"):
        return _Numbered.NO if posixpath.normpath("/" + path.lstrip("/")) == "/" else _Numbered.YES
    return _Numbered.MAYBE if ".." in path or path in ("", ".", "./") else _Numbered.YES
