"""Which files of an input count, and under which name its link is kept.

Formulas: solver/llbsolver/ops/{file,exec}.go and opsutils/contenthash.go of BuildKit v0.34.
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Strings = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Files of an input: an absolute path, with patterns relative to it.

    `wildcard`: the path is a pattern. `follow`: a link at its end is followed. `required`: patterns of
    which each must match something where `include` is given.
    """

    path: str
    wildcard: bool = False
    follow: bool = False
    include: Strings = ()
    exclude: Strings = ()
    required: Strings = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """How an input is looked up: by its key with the digest `selector` ("" for none), or by content.

    `selections` None: never by content; empty: by everything in it.
    """

    selector: str = ""
    selections: tuple[Selection, ...] | None = None


class Selectors:
    """The selections of a file operation's inputs, collected from its actions."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._found: dict[int, list[Selection]] = {}
        self._never: set[int] = set()

    def never(self, index: int) -> None:
        """An input that is written on is never compared by content."""
        self._never.add(index)

    def add(self, index: int, copy: Mapping[str, Any]) -> None:
        """A source of a copy: its fields `src`, `allowWildcard` and so on."""
        path = copy.get("src", "")
        self._found.setdefault(index, []).append(
            Selection(
                path=path,
                wildcard=copy.get("allowWildcard", False) and has_wildcard(path),
                follow=copy.get("followSymlink", False),
                include=tuple(copy.get("include_patterns", ())),
                exclude=tuple(copy.get("exclude_patterns", ())),
                required=tuple(copy.get("required_paths", ())),
            )
        )

    def inputs(self) -> list[Input]:
        """What was collected, for each input. Raises ValueError for an input that isn't there."""
        for index in self._found:
            if not 0 <= index < self._inputs:
                raise ValueError(f"a file operation with {self._inputs} inputs uses input {index}")
        return [
            self._input(self._found.get(index)) if index not in self._never else Input()
            for index in range(self._inputs)
        ]

    @staticmethod
    def _input(found: list[Selection] | None) -> Input:
        if found is None:
            return Input()
        paths = sorted((selection.path for selection in found), key=str.encode, reverse=True)
        return Input(selector=selector(paths), selections=_distinct(found))


def selector(paths: Iterable[str]) -> str:
    """The digest that stands for a list of paths."""
    joined = "\0".join(paths)
    return f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}"


def has_wildcard(path: str) -> bool:
    """Whether a path is a pattern; a backslash takes the next character as it is."""
    escaped = False
    for char in path:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "*?[":
            return True
    return False


def _distinct(found: Sequence[Selection]) -> tuple[Selection, ...]:
    """Plain paths without those below another one, then those with patterns; all by path."""
    plain = [s for s in found if not (s.wildcard or s.include or s.exclude)]
    kept = [
        Selection(path=path, follow=follow)
        for follow in (False, True)
        for path in without_nested([s.path for s in plain if s.follow is follow])
    ]
    kept += [s for s in found if s.wildcard or s.include or s.exclude]
    kept.sort(key=lambda s: s.path.encode())
    return tuple(
        Selection(
            path=clean(s.path),
            wildcard=s.wildcard,
            follow=s.follow,
            include=s.include,
            exclude=s.exclude,
            required=s.required,
        )
        for s in kept
    )


def without_nested(paths: Sequence[str]) -> list[str]:
    """Sorted paths, none of them within another; a single one as it is."""
    if len(paths) <= 1:
        return list(paths)
    distinct = set(paths)
    return sorted(
        (path for path in distinct if not any(_within(path, other) for other in distinct)), key=str.encode
    )


def _within(path: str, other: str) -> bool:
    return path != other and path.startswith(other if other.endswith("/") else f"{other}/")


def clean(path: str) -> str:
    """The absolute path without `.`, `..` and double slashes, as Go's `path.Join("/", path)`."""
    cleaned = posixpath.normpath(f"/{path}")
    return cleaned.removeprefix("/") if cleaned.startswith("//") else cleaned
