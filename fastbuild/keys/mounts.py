"""How a RUN's inputs are looked up: through the mounts that use them (ops/exec.go, `getMountDeps`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastbuild.keys.selectors import Input, Selection, clean, selector, without_nested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EMPTY = -1
"""The input of a mount that starts empty."""
NO_OUTPUT = -1
"""The output of a mount whose end nobody sees."""
BIND, CACHE = 0, 3
"""Types of mounts with files from an input."""
ON, OFF = 1, 2
"""What an operation may say itself about comparing a mount by content."""


def mount_inputs(mounts: Sequence[Mapping[str, Any]], count: int) -> list[Input]:
    """The inputs of an exec operation, from its mounts as `wire.message` gives them.

    Raises ValueError for a mount that BuildKit would refuse.
    """
    paths: list[list[str]] = [[] for _ in range(count)]
    by_content = [False] * count
    for mount in mounts:
        index = mount.get("input", 0)
        if mount.get("mountType", BIND) not in (BIND, CACHE) or index == EMPTY:
            continue
        if not 0 <= index < count:
            raise ValueError(f"a mount uses input {index} of {count}")
        path = clean(mount.get("selector", ""))
        paths[index].append(path)
        by_content[index] = _by_content(mount, path)  # that of the last mount counts
    return [_input(*pair) for pair in zip(paths, by_content, strict=True)]


def _by_content(mount: Mapping[str, Any], path: str) -> bool:
    """Whether equal content may stand for an equal key: where no unselected file can get into the result."""
    safe = mount.get("output", 0) == NO_OUTPUT or mount.get("readonly", False) or path == "/"
    asked = mount.get("contentCache", 0)
    if asked == OFF:
        return False
    if asked == ON and not safe:
        raise ValueError("a mount that can't be compared by content asks for it")
    return bool(safe) and (asked == ON or mount.get("dest") != "/")


def _input(paths: list[str], by_content: bool) -> Input:
    selections: tuple[Selection, ...] | None = None
    if by_content:
        kept = without_nested(paths)
        everything = "/" in kept
        selections = () if everything else tuple(Selection(path=path, follow=True) for path in kept)
    return Input(selector=selector(paths) if paths else "", selections=selections)
