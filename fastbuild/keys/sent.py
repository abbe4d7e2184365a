"""What BuildKit is sent of a context: not all of it, but what its COPYs seem to need.

The frontend names the paths (`local.followpaths` of the source), the client looks where links lead and
sends what fits the result as patterns. It is less exact there than where it hashes: `..` after a link is
resolved in the text, a link back to itself ends the search, and a name with `[` becomes a class. So a
COPY through a link may find less than there is.

Sources: `FollowLinks` and `filterFS.Walk` of tonistiigi/fsutil as of BuildKit v0.34.1.
"""

from __future__ import annotations

import json
import os
import posixpath
from typing import TYPE_CHECKING

from fastbuild.keys.glob import BadPattern, matches
from fastbuild.keys.patterns import Matched, Patterns
from fastbuild.keys.selectors import has_wildcard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fastbuild.keys.content import Files, Node

_GLOB = frozenset("*[]?^\\!")


def follow_paths(source: Mapping[str, object]) -> tuple[str, ...]:
    """The paths that the frontend named for a local source, from the operation's body; none: all is sent."""
    attributes = source.get("attrs")
    text = attributes.get("local.followpaths", "") if isinstance(attributes, dict) else ""
    try:
        paths = json.loads(text)
    except (TypeError, ValueError):
        return ()
    if not isinstance(paths, list):
        return ()
    return tuple(path for path in paths if isinstance(path, str))


def sent(files: Files, paths: Iterable[str]) -> Files:
    """The files that the client sends for these paths. Raises ValueError for a malformed pattern."""
    patterns = _Search(files).run(paths)
    return Sent(files, patterns) if patterns else files


class Sent:
    """`Files` of which only those that fit a pattern are there, and the directories above them."""

    def __init__(self, files: Files, patterns: Sequence[str]) -> None:
        self._files = files
        self._patterns = Patterns(patterns)
        self._all_below = not any(pattern.startswith("!") for pattern in patterns)
        self._starts = tuple(_plain_start(pattern) for pattern in patterns)
        self._matched: dict[str, tuple[bool, Matched]] = {"": (False, ())}

    def look(self, path: str) -> Node | None:
        """The entry, if it is sent."""
        node = self._files.look(path)
        if node is None or path == "/" or self._is_sent(path, node):
            return node
        return None

    def names(self, path: str) -> Sequence[str]:
        """What is sent of a directory."""
        start = path.rstrip("/")
        return [name for name in self._files.names(path) if self.look(f"{start}/{name}") is not None]

    def digest(self, path: str) -> str:
        """As the files say."""
        return self._files.digest(path)

    def _is_sent(self, path: str, node: Node) -> bool:
        if self._match(path)[0]:
            return True
        return node.kind == "directory" and self._may_hold(path[1:]) and bool(self.names(path))

    def _match(self, path: str) -> tuple[bool, Matched]:
        known = self._matched.get(path)
        if known is None:
            above = self._match(path.rpartition("/")[0])
            fits_all = above[0] and self._all_below
            known = self._matched[path] = above if fits_all else self._patterns.match(path[1:], above[1])
        return known

    def _may_hold(self, folder: str) -> bool:
        """Whether a pattern can fit something in a directory that none fits."""
        inside = f"{folder}/"
        return any(f"{start}/".startswith(inside) or inside.startswith(start) for start in self._starts)


def _plain_start(pattern: str) -> str:
    """The pattern's path up to the first part with a special character, with a slash, or all of it."""
    parts = pattern.split("/")
    first = next((n for n, part in enumerate(parts) if not _GLOB.isdisjoint(part)), None)
    return pattern if first is None else "".join(f"{part}/" for part in parts[:first])


class _Search:
    """Where the paths lead."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._resolved: set[str] = set()

    def run(self, paths: Iterable[str]) -> list[str]:
        """The patterns of what is sent; none where that is everything."""
        pending = list(paths)[::-1]
        while pending:
            pending += reversed(list(self._follow(pending.pop())))
        return _without_nested(sorted(self._resolved, key=os.fsencode))

    def _follow(self, path: str) -> Iterator[str]:
        """Note a path; what is behind the first link on it has to be followed in turn."""
        current, rest = ".", posixpath.normpath(f"./{path}")
        while True:
            part, _, rest = rest.partition("/")
            current = posixpath.normpath(f"{current}/{part}")
            targets = self._targets(current)
            if (targets or not rest) and current in self._resolved:
                return
            if targets or not rest:
                self._resolved.add(current)
                yield from (posixpath.normpath(f"{target}/{rest}") for target in targets)
                return

    def _targets(self, path: str) -> list[str]:
        folder, name = posixpath.split(path)
        if not has_wildcard(name):
            return self._target(path)
        above = self._files.look(f"/{folder}")
        if above is None or above.kind != "directory":
            return []
        found = sorted(self._files.names(f"/{folder}"), key=os.fsencode)
        fitting = [each for each in found if _fits(name, each)]
        return [target for each in fitting for target in self._target(posixpath.join(folder, each))]

    def _target(self, path: str) -> list[str]:
        node = self._files.look("/" if path == "." else f"/{path}")
        if node is None or node.kind != "symlink":
            return []
        start = "/" if node.target.startswith("/") else f"/{posixpath.dirname(path)}/"
        return ["/" + posixpath.normpath(start + node.target).lstrip("/")]


def _fits(pattern: str, name: str) -> bool:
    try:
        return matches(os.fsencode(pattern), os.fsencode(name))
    except BadPattern:
        return False


def _without_nested(paths: list[str]) -> list[str]:
    kept: list[str] = []
    for path in paths:
        if path == ".":
            return []
        if not kept or not path.startswith(f"{kept[-1]}/"):
            kept.append(path)
    return kept
