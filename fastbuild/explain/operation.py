"""What differs between the operations of two steps: the text, the variables, the user, mounts, options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.explain import plaintext
from fastbuild.explain.reasons import Cause, Difference, code, shown
from fastbuild.explain.variables import environment_differences, referenced_differences
from fastbuild.explain.words import word_diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.explain.sidefile import SideFile, StepKey

_PLATFORM = ("OS", "Arch", "Variant", "OSVersion")
_FLAGS = {"network": "--network", "security": "--security"}
_FLAGS |= {"hostname": "the host name", "ulimit": "--ulimit", "cgroupParent": "--cgroup-parent"}
_FLAGS |= {"extraHosts": "--add-host"}
_VALUES = {"network": ("default", "host", "none"), "security": ("sandbox", "insecure")}
"""By their numbers in solver/pb/ops.proto."""


def operation_differences(now: SideFile, one: StepKey, before: SideFile, other: StepKey) -> list[Difference]:
    """In the order in which a Dockerfile sets them: platform, variables, user …, the text, mounts, options.

    Empty where the evidence shows none.
    """
    new, old = plaintext.read(one.plaintext), plaintext.read(other.plaintext)
    if new is not None and old is not None:
        if isinstance(new.get("Exec"), dict) and isinstance(old.get("Exec"), dict):
            return _exec(now, one, before, other, new, old)
        if isinstance(new.get("Actions"), list) and isinstance(old.get("Actions"), list):
            return _file(now, one, before, other, new["Actions"], old["Actions"])
    return [*referenced_differences(now, one, before, other), *_text(one, other)]


def _exec(
    now: SideFile,
    one: StepKey,
    before: SideFile,
    other: StepKey,
    new: dict[str, Any],
    old: dict[str, Any],
) -> list[Difference]:
    mine, theirs = new["Exec"], old["Exec"]
    meta, was = _dict(mine, "meta"), _dict(theirs, "meta")
    environment = (_strings(meta, "env"), _strings(was, "env"))
    found = [*_platform(new, old)]
    found += environment_differences(now, one, before, other, *environment)
    found += _scope(meta, was)
    found += _arguments(one, other, _strings(meta, "args"), _strings(was, "args"))
    found += _mounts(mine, theirs)
    found += _options({**mine, **meta}, {**theirs, **was})
    return found


def _platform(new: dict[str, Any], old: dict[str, Any]) -> Iterator[Difference]:
    mine, theirs = ("/".join(str(each[key]) for key in _PLATFORM if each.get(key)) for each in (new, old))
    if mine != theirs:
        said = f"the platform changed: {shown(theirs)} → {shown(mine)}"
        yield Difference(cause=Cause.PLATFORM, sentence=said, before=shown(theirs), after=shown(mine))


def _scope(meta: dict[str, Any], was: dict[str, Any]) -> Iterator[Difference]:
    rows = (("user", Cause.USER, "the user", "root"), ("cwd", Cause.DIRECTORY, "the working directory", "/"))
    for key, cause, what, default in rows:
        after, prior = str(meta.get(key) or default), str(was.get(key) or default)
        if after != prior:
            said = f"{what} changed: {shown(prior)} → {shown(after)}"
            yield Difference(cause=cause, sentence=said, before=shown(prior), after=shown(after))


def _arguments(one: StepKey, other: StepKey, new: list[str], old: list[str]) -> Iterator[Difference]:
    if new == old:
        return
    if len(new) > 1 and len(old) > 1 and new[-1] == old[-1] and one.text == other.text:
        before, after = " ".join(old[:-1]), " ".join(new[:-1])
        said = f"the shell changed: {code(before)} → {code(after)}"
        yield Difference(cause=Cause.SHELL, sentence=said, before=shown(before), after=shown(after))
    else:
        written = one.text != other.text
        before, after = (other.text, one.text) if written else (" ".join(old[-1:]), " ".join(new[-1:]))
        yield _instruction(before, after)


def _instruction(before: str, after: str) -> Difference:
    changed = word_diff(before, after)
    return Difference(
        cause=Cause.INSTRUCTION,
        sentence=f"the instruction changed: {changed}" if changed else "the instruction changed",
        before=shown(before, 400),
        after=shown(after, 400),
    )


def _text(one: StepKey, other: StepKey) -> Iterator[Difference]:
    """Blanks between words count in RUN only."""
    run = one.keyword == "RUN"
    mine, theirs = (one.text, other.text) if run else (" ".join(t.text.split()) for t in (one, other))
    if mine != theirs and one.instruction and other.instruction:
        yield _instruction(other.text, one.text)


def _mounts(mine: dict[str, Any], theirs: dict[str, Any]) -> Iterator[Difference]:
    new, old = _by_target(mine), _by_target(theirs)
    for target in sorted(new.keys() | old.keys()):
        if new.get(target) == old.get(target):
            continue
        how = (
            "changed" if target in new and target in old else "was added" if target in new else "was removed"
        )
        said = f"the mount at {code(target)} {how}"
        yield Difference(cause=Cause.MOUNT, sentence=said, subject=shown(target))
    if mine.get("secretenv") != theirs.get("secretenv"):
        said = "the secrets in its environment changed"
        yield Difference(cause=Cause.MOUNT, sentence=said, subject="secret")


def _by_target(body: dict[str, Any]) -> dict[str, str]:
    """The root mount is in the key only beside others, and says nothing."""
    mounts = body.get("mounts")
    found: dict[str, str] = {}
    for each in mounts if isinstance(mounts, list) else ():
        if isinstance(each, dict) and str(each.get("dest")) != "/":
            shape = {key: value for key, value in each.items() if key not in ("input", "output")}
            found[str(each.get("dest"))] = json.dumps(shape, sort_keys=True)
    return found


def _options(mine: dict[str, Any], theirs: dict[str, Any]) -> Iterator[Difference]:
    for key, name in _FLAGS.items():
        new, old = mine.get(key), theirs.get(key)
        if new == old:
            continue
        before, after = _value(key, old), _value(key, new)
        plain = before and after
        said = f"{name} changed" + (f": {before} → {after}" if plain else "")
        yield Difference(cause=Cause.OPTION, sentence=said, subject=name, before=before, after=after)


def _value(key: str, value: Any) -> str:
    """In words; empty where it is a list."""
    if key in _VALUES and type(value or 0) is int:
        names = _VALUES[key]
        return names[value or 0] if 0 <= (value or 0) < len(names) else str(value)
    return shown(str(value or "default")) if isinstance(value, str | None) else ""


def _file(
    now: SideFile, one: StepKey, before: SideFile, other: StepKey, new: list[Any], old: list[Any]
) -> list[Difference]:
    found = referenced_differences(now, one, before, other)
    found += _text(one, other)
    if found or len(new) != len(old):
        return found
    return [each for mine, theirs in zip(new, old, strict=True) for each in _action(mine, theirs)][:1]


def _action(new: Any, old: Any) -> Iterator[Difference]:
    """With an equal text: a relative target below another WORKDIR, or the time that is set on files."""
    if not isinstance(new, dict) or not isinstance(old, dict):
        return
    changed = {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)}
    target = next(iter(changed), "")
    if len(changed) == 1 and target in ("dest", "path"):
        before, after = shown(str(old.get(target))), shown(str(new.get(target)))
        said = f"the working directory above it changed: its target was {before} and is {after}"
        yield Difference(cause=Cause.DIRECTORY, sentence=said, before=before, after=after)
    elif changed == {"timestamp"}:
        said = f"build argument {code('SOURCE_DATE_EPOCH')} changed"
        yield Difference(cause=Cause.VARIABLE, sentence=said, subject="SOURCE_DATE_EPOCH")


def _dict(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _strings(value: dict[str, Any], key: str) -> list[str]:
    found = value.get(key)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
