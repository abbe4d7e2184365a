"""All that differs between the steps of this build and those of one earlier build."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from fastbuild.explain.content import content_difference
from fastbuild.explain.hidden import HIDDEN
from fastbuild.explain.matching import match_steps
from fastbuild.explain.operation import operation_differences
from fastbuild.explain.reasons import Cause, Difference, code, name, place, short_digest, shown
from fastbuild.explain.sameness import Sameness
from fastbuild.explain.sidefile import InputKind, is_internal
from fastbuild.explain.variables import changed_globals
from fastbuild.progress.timings import FOUND, HITS

if TYPE_CHECKING:
    from fastbuild.explain.sidefile import SideFile, StepInput, StepKey

DAY = 86400.0
MOST_TWINS = 50
"""Equal operations looked at: a Dockerfile has a handful."""
_NEW = -2
_BASE = -1
"""Places in build order before all steps: what was never there, what a stage begins with."""


class Comparison:
    """This build beside one earlier build. Steps are told by their numbers."""

    def __init__(self, now: SideFile, before: SideFile) -> None:
        self.now = now
        self.before = before
        self.matched = match_steps(now.steps, before.steps)
        self._sameness = Sameness(now, before)
        self._inverse = {theirs: mine for mine, theirs in self.matched.items()}
        self._found: dict[int, tuple[Difference, ...]] = {}
        self._roots: dict[int, int] = {}
        self._twins: dict[int, int | None] = {}

    @cached_property
    def _by_op(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, step in enumerate(self.before.steps):
            if step.op:
                found.setdefault(step.op, []).append(number)
        return found

    def twin(self, number: int) -> int | None:
        """The earlier step with the same key, wherever it stood and whatever its stage was called."""
        if number not in self._twins:
            candidates = self._by_op.get(self.now.steps[number].op, [])[:MOST_TWINS]
            matched = self.matched.get(number)
            ordered = [*([] if matched is None else [matched]), *candidates]
            same = (other for other in ordered if self._sameness.same(number, other) is True)
            self._twins[number] = next(same, None)
        return self._twins[number]

    def differences(self, number: int) -> tuple[Difference, ...]:
        """What differs, first cause first; empty where nothing is known to. Not for steps with a twin."""
        for each in range(len(self._found), number + 1):  # those above first: no recursion
            found = tuple(sorted(self._differences(each), key=lambda d: d.order))
            self._found[each] = found
            old = [d for d in found if d.cause is not Cause.NEW_INSTRUCTION][:1]
            follows = [d.follows for d in old if d.cause is Cause.FOLLOWS]
            self._roots[each] = self._roots[follows[0]] if follows else each
        return self._found[number]

    def root(self, number: int) -> int:
        """The step that a chain of followers began with."""
        self.differences(number)
        return self._roots[number]

    def _place(self, number: int) -> int:
        """Where a step stands in the file; its number where that isn't known."""
        return self.now.steps[number].line or number

    def _differences(self, number: int) -> list[Difference]:
        one = self.now.steps[number]
        if number not in self.matched:
            if self.twin(number) is not None:
                return []
            said = f"the instruction is new since {_build(self.before)}"
            new = Difference(cause=Cause.NEW_INSTRUCTION, sentence=said, order=_NEW)
            return [new, *(each for i in one.inputs[:1] if i.step >= 0 for each in self._follows(i.step))]
        other = self.before.steps[self.matched[number]]
        if self.twin(number) is not None:
            return []
        found = self._operation(number, one, other)
        own_text = any(each.cause in (Cause.INSTRUCTION, Cause.VARIABLE) for each in found)
        for index, (mine, theirs) in enumerate(zip(one.inputs, other.inputs, strict=False)):
            found += self._input(number, index, mine, theirs, own_text=own_text)
        return found

    def _operation(self, number: int, one: StepKey, other: StepKey) -> list[Difference]:
        selected = [each.selector for each in one.inputs] != [each.selector for each in other.inputs]
        selected = selected or self._inline_changed(one, other)
        if one.op and other.op and one.op == other.op and not selected:
            return []
        found = operation_differences(self.now, one, self.before, other)
        if not found and one.op and other.op and one.op != other.op:
            found = self._by_engine(one, other)
        return [replace(each, order=self._place(number)) for each in found]

    def _inline_changed(self, one: StepKey, other: StepKey) -> bool:
        """Whether a heredoc of the instruction changed, which BuildKit makes an operation of its own."""
        pairs = zip(one.inputs, other.inputs, strict=False)
        return any(self._is_inline(a) and self._sameness.same_input(a, b) is not True for a, b in pairs)

    def _is_inline(self, one: StepInput) -> bool:
        return one.step >= 0 and is_internal(self.now.steps[one.step])

    def _by_engine(self, one: StepKey, other: StepKey) -> list[Difference]:
        """Equal texts and variables, another operation: only frontend or engine can have done that."""
        now, before = self.now, self.before
        hidden = now.salt != before.salt and HIDDEN.search(f"{one.plaintext}{other.plaintext}")
        complete = (
            one.instruction and one.instruction == other.instruction and one.plaintext and other.plaintext
        )
        if hidden or not complete:
            return []
        rows = (
            ("frontend", before.frontend, now.frontend),
            ("engine", before.engine_version, now.engine_version),
        )
        for what, was, is_ in rows:
            if was and is_ and was != is_:
                said = f"the {what} makes another operation of it: {shown(was)} → {shown(is_)}"
                found = Difference(cause=Cause.ENGINE, sentence=said, subject=what)
                return [replace(found, before=shown(was), after=shown(is_))]
        return []

    def _input(
        self, number: int, index: int, one: StepInput, other: StepInput, *, own_text: bool
    ) -> list[Difference]:
        same = self._sameness.same_input(one, other)
        if same is True or (own_text and self._is_inline(one)):
            return []
        kinds = (one.kind, other.kind)
        if kinds == (InputKind.CONTEXT, InputKind.CONTEXT):
            if same is None or (one.paths != other.paths and own_text):
                return []
            found = content_difference(self.now, one, self.before, other)
            return [replace(found, order=self._place(number))]
        if kinds == (InputKind.IMAGE, InputKind.IMAGE):
            return self._images(one, other) if same is False or not one.paths else []
        if kinds == (InputKind.REMOTE, InputKind.REMOTE):
            return self._remotes(number, one, other)
        if InputKind.STEP in kinds:
            return self._steps(number, index, one, other)
        if index == 0 and one.kind is not other.kind:
            said = f"the stage begins with {_source(one)} instead of {_source(other)}"
            return [Difference(cause=Cause.BASE_CHANGED, sentence=said, order=_BASE)]
        return []

    def _images(self, one: StepInput, other: StepInput) -> list[Difference]:
        if not one.digest or not other.digest:
            return []
        image, former = shown(_familiar(one.name)), shown(_familiar(other.name))
        if one.platform != other.platform and image == former:
            was, is_ = shown(other.platform), shown(one.platform)
            said = f"the platform changed: {was} → {is_}"
            return [Difference(cause=Cause.PLATFORM, sentence=said, order=_BASE, before=was, after=is_)]
        if one.digest == other.digest and one.platform == other.platform:
            return []
        also: tuple[str, ...] = ()
        was, is_ = short_digest(other.digest), short_digest(one.digest)
        cause, said = Cause.BASE_MOVED, f"{image} moved {was} → {is_}{self._age(one.digest)}"
        if image != former:
            cause, said, was, is_ = (
                Cause.BASE_CHANGED,
                f"the base changed from {former} to {image}",
                former,
                image,
            )
            by = [each.sentence for each in changed_globals(self.now, self.before, one.name)]
            also = tuple(by) if len(by) == 1 else ()
        found = Difference(cause=cause, sentence=said, order=_BASE, subject=image, before=was, after=is_)
        return [replace(found, also=also)]

    def _age(self, digest: str) -> str:
        dates = [b.created for b in self.now.bases if b.digest == digest and b.created is not None]
        days = (self.now.created - dates[0]) / DAY if dates and self.now.created else -1
        if days < 0:
            return ""
        return (
            f", {days:.0f} day{'' if round(days) == 1 else 's'} old" if days >= 1 else ", less than a day old"
        )

    def _remotes(self, number: int, one: StepInput, other: StepInput) -> list[Difference]:
        if not one.digest or not other.digest or one.digest == other.digest or one.name != other.name:
            return []
        was, is_ = short_digest(other.digest), short_digest(one.digest)
        said = f"{code(one.name)} changed {was} → {is_}"
        difference = Difference(
            cause=Cause.SOURCE_CHANGED,
            sentence=said,
            order=self._place(number),
            subject=shown(one.name),
            before=was,
            after=is_,
        )
        return [difference]

    def _steps(self, number: int, index: int, one: StepInput, other: StepInput) -> list[Difference]:
        """An input from a step, now or then: it changed, is new, is gone, or the order is another."""
        above, former = one.step, other.step
        if above >= 0 and (self.matched.get(above) == former or above not in self.matched):
            return self._follows(above)
        if above >= 0 and self._is_changed(above):
            return self._follows(above)
        if index > 0:
            return []  # the instruction names another source: its text or a variable has changed
        if former < 0:
            first = self.now.steps[above]
            if self.now.steps[number].stage == first.stage:
                return [self._order(number, f"{place(first)} stands above it now")]
            said = f"the stage begins with {_source(one)} instead of {_source(other)}"
            return [Difference(cause=Cause.BASE_CHANGED, sentence=said, order=_BASE)]
        gone = self.before.steps[former]
        if former not in self._inverse:
            line = f" (line {gone.line} there)" if gone.line else ""
            said = f"{name(gone)} stood above it in {_build(self.before)}{line} and was removed"
            return [Difference(cause=Cause.REMOVED_INSTRUCTION, sentence=said, order=self._place(number))]
        moved = self._inverse[former]
        if moved > number:
            return [
                self._order(number, f"{place(self.now.steps[moved])} stood above it and stands below it now")
            ]
        said = f"it stands behind {place(self.now.steps[above])} now" if above >= 0 else "it stands first now"
        return [self._order(number, said)]

    def _order(self, number: int, said: str) -> Difference:
        return Difference(cause=Cause.ORDER, sentence=f"the order changed: {said}", order=self._place(number))

    def _is_changed(self, number: int) -> bool:
        """Whether a step is known to differ. One that may be equal by content, and was found, is not."""
        matched = self.matched.get(number)
        undecided = matched is not None and self._sameness.same(number, matched) is None
        found_it = undecided and self.now.steps[number].status in HITS
        return bool(self._found.get(number)) and not found_it

    def _follows(self, above: int) -> list[Difference]:
        step = self.now.steps[above]
        if not self._is_changed(above):
            return []
        top = self.root(above)
        root = self.now.steps[top]
        said = f"follows from {place(root)}"
        if root.status in FOUND:  # and so has no reason of its own
            said += f": {self._found[top][0].sentence}"
        difference = Difference(
            cause=Cause.FOLLOWS,
            sentence=said,
            order=self._place(self._roots[above]),
            follows=above,
            subject=shown(step.name, 400),
        )
        return [difference]


def _source(one: StepInput) -> str:
    return {
        InputKind.STEP: "another stage",
        InputKind.IMAGE: shown(_familiar(one.name)),
        InputKind.NONE: "scratch",
        InputKind.CONTEXT: "the context",
        InputKind.REMOTE: shown(one.name),
    }[one.kind]


def _familiar(reference: str) -> str:
    """As people write it."""
    return reference.removeprefix("docker.io/").removeprefix("library/")


def _build(side: SideFile) -> str:
    return f"build {shown(side.build)}"
