"""What differs in the files that a step takes from the context, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.explain.reasons import Cause, Difference, code, more, shown
from fastbuild.explain.tree_diff import How, diff, most_common_modes, umask_of
from fastbuild.explain.trees import FREE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.explain.sidefile import SideFile, StepInput
    from fastbuild.explain.tree_diff import PathChange

MOST_NAMED = 10
_CAUSES = {
    How.CHANGED: Cause.FILE_CHANGED,
    How.WITHIN: Cause.FILE_CHANGED,
    How.ADDED: Cause.FILE_ADDED,
    How.REMOVED: Cause.FILE_REMOVED,
    How.RENAMED: Cause.FILE_RENAMED,
    How.MODE: Cause.MODES,
}


def content_difference(now: SideFile, one: StepInput, before: SideFile, other: StepInput) -> Difference:
    """The difference of two inputs from a context whose content digests differ."""
    if one.tree < 0 or other.tree < 0:
        return _unrecorded(one)
    found = diff(now, one.tree, before, other.tree)
    if not found.changes:
        return _unrecorded(one)
    if all(change.how is How.MODE for change in found.changes) and found.whole:
        return _modes(found.changes)
    special = _own_files(now, before, found.changes)
    return special or _files(now, before, found.changes)


def _unrecorded(one: StepInput) -> Difference:
    names = ", ".join(code(path.strip("/") or ".") for path in one.paths[:3])
    said = f"something in {names or 'the context'} changed; which file isn't recorded"
    return Difference(cause=Cause.FILE_CHANGED, sentence=said)


def _modes(changes: Sequence[PathChange]) -> Difference:
    before, after = most_common_modes(changes)
    names = tuple(shown(change.path, 400) for change in changes[:MOST_NAMED])
    known = FREE not in (before, after)
    delta = f" {before:04o}→{after:04o}" if known else ""
    why = ": umask" if umask_of(changes) else ""
    files = [change for change in changes if not change.folder] or list(changes)
    noun = "file" if not files[0].folder else "directory"
    if len(changes) == 1:
        said = f"{code(names[0])} differs only by its mode{delta}"
    else:
        plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"
        others = len(changes) - len(files)
        folders = f" and {others} director{'y' if others == 1 else 'ies'}" if others else ""
        count = f"{len(files)} {noun if len(files) == 1 else plural}{folders}"
        said = f"{count} differ only by mode{delta}{why}"
    modes = (f"{before:04o}", f"{after:04o}") if known else ("", "")
    return Difference(
        cause=Cause.MODES,
        sentence=said,
        files=names,
        count=len(changes),
        subject="umask" if why else "",
        before=modes[0],
        after=modes[1],
    )


def _own_files(now: SideFile, before: SideFile, changes: Sequence[PathChange]) -> Difference | None:
    """When nothing but the Dockerfile or the ignore file itself changed."""
    dockerfiles = {path for path in (now.dockerfile, before.dockerfile) if path}
    ignores = {path for path in (now.ignore, before.ignore) if path}
    paths = {change.path for change in changes} | {change.old for change in changes if change.old}
    if not paths <= dockerfiles | ignores:
        return None
    dockerfile = min(paths & dockerfiles, default="")
    name = dockerfile or min(paths)
    return Difference(
        cause=Cause.DOCKERFILE_COPIED if dockerfile else Cause.IGNORE_FILE_COPIED,
        sentence=f"{code(name)} itself is part of what is copied, and {_verb(changes[0])}",
        files=tuple(shown(path, 400) for path in sorted(paths)),
        count=len(paths),
    )


def _verb(change: PathChange) -> str:
    return {How.ADDED: "is new", How.REMOVED: "was removed", How.RENAMED: "was renamed"}.get(
        change.how, "changed"
    )


def _files(now: SideFile, before: SideFile, changes: Sequence[PathChange]) -> Difference:
    own = {now.dockerfile, before.dockerfile, now.ignore, before.ignore}
    order = {How.CHANGED: 0, How.RENAMED: 1, How.ADDED: 2, How.REMOVED: 3, How.WITHIN: 4, How.MODE: 5}
    ranked = sorted(changes, key=lambda change: (change.path in own, order[change.how], change.path))
    first = ranked[0]
    apart = now.modes_apart and before.modes_apart
    also: tuple[str, ...] = ()
    if now.ignore_digest != before.ignore_digest and first.how in (How.ADDED, How.REMOVED):
        also = (f"{code(now.ignore or before.ignore or '.dockerignore')} changed, too",)
    return Difference(
        cause=_CAUSES[first.how],
        sentence=f"{_said(first, apart=apart)}{more(len(changes) - 1)}",
        files=tuple(shown(change.path, 400) for change in ranked[:MOST_NAMED]),
        count=len(changes),
        before=shown(first.old, 400),
        also=also,
    )


def _said(change: PathChange, *, apart: bool) -> str:
    name = code(change.path or ".")
    match change.how:
        case How.RENAMED:
            return f"{code(change.old)} was renamed to {name}"
        case How.WITHIN:
            return f"something in {name} changed"
        case How.MODE:
            return f"{name} differs by its mode {change.before:04o}→{change.after:04o}"
        case How.CHANGED if change.before != change.after and FREE not in (change.before, change.after):
            modes = f"{change.before:04o}→{change.after:04o}"
            return (
                f"{name} changed (and its mode {modes})" if apart else f"{name} changed, or its mode {modes}"
            )
        case How.CHANGED:
            return f"{name} changed"
        case How.ADDED | How.REMOVED:
            return f"{name} was {change.how}"
