"""Variables that differ between two builds of a step, and who set them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.dockerfile.expand import references
from fastbuild.explain.hidden import HIDDEN
from fastbuild.explain.reasons import Cause, Difference, code, shown
from fastbuild.explain.sidefile import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.explain.sidefile import SideFile, StepKey, Variable

_WORDS = {
    Origin.FLAG: "build argument",
    Origin.ENVIRONMENT: "build argument",
    Origin.DEFAULT: "ARG",
    Origin.GLOBAL: "ARG",
    Origin.ENV: "ENV",
    Origin.PLATFORM: "ARG",
}


def environment_differences(
    now: SideFile, one: StepKey, before: SideFile, other: StepKey, new: Sequence[str], old: Sequence[str]
) -> list[Difference]:
    """The variables in the environments of two RUNs that differ, those set first coming first."""
    mine, theirs = _entries(new), _entries(old)
    found = []
    for name in (*mine, *(name for name in theirs if name not in mine)):
        if not equal(now, before, mine.get(name), theirs.get(name)):
            was, is_ = (theirs.get(name), mine.get(name))
            setter = _setter(now, one, name, is_) if is_ is not None else _setter(before, other, name, was)
            found.append(_difference(name, was, is_, setter))
    found.sort(key=lambda each: each.where if each.where is not None else 1 << 60)
    if not found and list(mine) != list(theirs) and mine.keys() == theirs.keys():
        first = next(name for name, old_name in zip(mine, theirs, strict=True) if name != old_name)
        said = f"the order of its variables changed, from {code(first)} on"
        return [Difference(cause=Cause.VARIABLE_ORDER, sentence=said, subject=shown(first))]
    return found


def referenced_differences(now: SideFile, one: StepKey, before: SideFile, other: StepKey) -> list[Difference]:
    """The variables that an instruction's text refers to and that have other values now."""
    found = []
    for name in sorted(references(one.text) & references(other.text)):
        mine, theirs = _last(now, one, name), _last(before, other, name)
        was, is_ = theirs.value if theirs else None, mine.value if mine else None
        if not equal(now, before, is_, was):
            found.append(_difference(name, was, is_, mine or theirs))
    return found


def changed_globals(now: SideFile, before: SideFile, text: str) -> Iterator[Difference]:
    """The variables before the first FROM that changed and whose value stands in `text`."""
    old = {each.name: each.value for each in before.variables if each.stage < 0}
    for each in now.variables:
        if each.stage < 0 and each.name in old and old[each.name] != each.value and each.value in text:
            yield _difference(each.name, old[each.name], each.value, each)


def equal(now: SideFile, before: SideFile, one: str | None, other: str | None) -> bool:
    """Whether two values are equal, or can't be told apart because they were hidden in different ways."""
    if one == other:
        return True
    if one is None or other is None or now.salt == before.salt:
        return False
    return bool(HIDDEN.search(one) and HIDDEN.search(other)) and HIDDEN.sub("", one) == HIDDEN.sub("", other)


def _entries(environment: Sequence[str]) -> dict[str, str]:
    pairs = (each.partition("=") for each in environment)
    return {name: value for name, _, value in pairs}


def _setter(side: SideFile, step: StepKey, name: str, value: str | None) -> Variable | None:
    """Who gave the variable the value it has in this step; None where that isn't clear."""
    found = [each for each in side.variables if each.name == name and each.value == value]
    own = [each for each in found if each.stage == step.stage and each.line <= (step.line or 0)]
    own = own or [each for each in found if each.stage == step.stage and each.origin is Origin.GLOBAL]
    if own:
        return own[-1]
    others = [each for each in found if 0 <= each.stage < step.stage]
    return others[0] if len(others) == 1 else None


def _last(side: SideFile, step: StepKey, name: str) -> Variable | None:
    """The variable as the step's own stage set it last."""
    found = [each for each in side.variables if each.name == name and each.stage == step.stage]
    above = [each for each in found if each.line <= (step.line or 0)]
    return above[-1] if above else None


def _difference(name: str, was: str | None, is_: str | None, setter: Variable | None) -> Difference:
    what = _WORDS[setter.origin] if setter else "variable"
    where = _where(setter, gone=is_ is None) if setter else ""
    hidden = bool(HIDDEN.search(f"{was} {is_}"))
    if was is None or is_ is None:
        said = f"{what} {code(name)} was {'added' if was is None else 'removed'}{where}"
    elif hidden:
        said = f"{what} {code(name)} changed, its value is hidden{where}"
    else:
        said = f"{what} {code(name)} changed: {_value(was)} → {_value(is_)}{where}"
    return Difference(
        cause=Cause.VARIABLE,
        sentence=said,
        subject=shown(name),
        before="" if hidden else shown(was or ""),
        after="" if hidden else shown(is_ or ""),
        where=setter.line or None if setter else None,
    )


def _value(value: str) -> str:
    return shown(value, 60) or "empty"


def _where(setter: Variable, *, gone: bool) -> str:
    line = f"line {setter.line}" if setter.line else ""
    if setter.origin in (Origin.FLAG, Origin.ENVIRONMENT):
        flag = "--build-arg" if setter.origin is Origin.FLAG else "--build-arg, from the environment"
        return f" ({flag}; declared in {line})" if line else f" ({flag})"
    if setter.origin is Origin.GLOBAL:
        line = f"{line}, before the first FROM"
    return f" ({'it was set in ' if gone else ''}{line})" if line else ""
