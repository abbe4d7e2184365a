"""Cache contracts: which steps a change makes run again, decided from keys alone.

Two states of one build are compared: as it is, and as it would be after the change. What has other inputs
or another key runs again, and so does all that stands on it. Whether the output of a step changes with it
can't be known without building it, so a step that copies from there *may* run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastbuild.keys.content import ContentError, ReadsAhead, content_digest
from fastbuild.keys.lookup import is_local
from fastbuild.keys.sent import follow_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastbuild.keys.content import Files, Node
    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey

Place = tuple[str, int]
"""An operation's digest and the number of one of its inputs."""
CONTEXT = "context"
"""The local source that is the build context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state of a build: its graph, the operations' keys, and the content digests of local inputs."""

    graph: Graph
    keys: Mapping[str, OpKey | None]
    contents: Mapping[Place, str]

    def with_changed(self, places: Iterable[Place]) -> State:
        """The same with other contents at these inputs."""
        other = {place: f"changed {self.contents.get(place, '')}" for place in places}
        return State(graph=self.graph, keys=self.keys, contents={**self.contents, **other})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """An operation that runs again. `cause` is the one that the change itself reaches.

    `through` is None where that is certain; else the operation that takes something from another step, of
    which only building can tell whether it changes.
    """

    op: Op
    cause: Op
    through: Op | None = None

    @property
    def certain(self) -> bool:
        """Whether it runs again for sure."""
        return self.through is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the inputs that are taken from the build context consist of.

    `contents` are their content digests and `files` the paths (relative, with slashes) whose bytes count in
    them, those of other contexts than the main one as `NAME:path`; `missing` says, by operation, what isn't
    there: a build would fail on it.
    """

    contents: Mapping[Place, str]
    files: Mapping[Place, frozenset[str]]
    missing: Mapping[str, str]

    def all_files(self) -> frozenset[str]:
        """Every file that counts somewhere."""
        return frozenset().union(*self.files.values())


@dataclass(frozen=True, slots=True)
class _Watched:
    """`files`, remembering whose digests were asked for, as `before` and their path."""

    files: Files
    before: str
    asked: set[str] = field(default_factory=set)

    def look(self, path: str) -> Node | None:
        return self.files.look(path)

    def names(self, path: str) -> Sequence[str]:
        return self.files.names(path)

    def digest(self, path: str) -> str:
        node = self.files.look(path)
        if node is None or node.kind != "directory":
            self.asked.add(f"{self.before}{path[1:]}")
        return self.files.digest(path)

    def read_ahead(self, paths: Iterable[str]) -> None:
        if isinstance(self.files, ReadsAhead):
            self.files.read_ahead(paths)


def taken(
    graph: Graph,
    keys: Mapping[str, OpKey | None],
    trees: Mapping[str, Files],
    source_name: Callable[[Op], str],
) -> Taken:
    """What every local input consists of; `trees` by the name that `source_name` gives to its source."""
    contents: dict[Place, str] = {}
    files: dict[Place, frozenset[str]] = {}
    missing: dict[str, str] = {}
    for op in graph.ops:
        key = keys.get(op.digest)
        for index, (source, _) in enumerate(op.inputs if key else ()):
            origin = graph.op(source)
            name = source_name(origin)
            tree = trees.get(name)
            selections = key.inputs[index].selections if key else None
            if tree is None or selections is None:
                continue
            watched = _Watched(tree, "" if name == CONTEXT else f"{name}:")
            try:
                contents[op.digest, index] = content_digest(watched, selections, follow_paths(origin.body))
            except ContentError as error:
                missing[op.digest] = str(error)
            files[op.digest, index] = frozenset(watched.asked)
    return Taken(contents=contents, files=files, missing=missing)


def reruns(before: State, after: State) -> dict[str, Rerun]:
    """What runs again after the change, by the operation's digest in `after`, in build order.

    Everything of `before` is taken to be in the cache.
    """
    comparison = _Comparison(after)
    known = _Known(before)
    for op in after.graph.ops:
        comparison.compare(op, known)
    return comparison.found


Signature = tuple[Any, ...]


class _Known:
    """The operations of the state before, by what they are made of."""

    def __init__(self, state: State) -> None:
        self.exact: dict[Signature, str] = {}
        self.loose: dict[Signature, str] = {}
        ids: dict[str, str] = {}
        for op in state.graph.ops:
            ids[op.digest] = op.digest
            exact, loose = signatures(state, op, ids)
            ids[op.digest] = self.exact.setdefault(exact, op.digest)
            self.loose.setdefault(loose, ids[op.digest])


class _Comparison:
    """Operations of the state after, each with the one of before that it is found as."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ids: dict[str, str] = {}
        self.found: dict[str, Rerun] = {}

    def compare(self, op: Op, known: _Known) -> None:
        exact, loose = signatures(self._state, op, self._ids)
        above = [self.found[source] for source, _ in op.inputs if source in self.found]
        match = known.exact.get(exact)
        if op.ignore_cache or _is_never_found(self._state, op):
            self._add(Rerun(op=op, cause=op))
        elif match is not None and not above:
            self._ids[op.digest] = match
        elif match is not None:  # found only if what stands below it turns out to be the same
            self._add(Rerun(op=op, cause=above[0].cause, through=above[0].through or op), match)
        elif (match := known.loose.get(loose)) is not None:
            self._add(Rerun(op=op, cause=above[0].cause if above else op, through=op), match)
        else:
            surely = [rerun for rerun in above if rerun.certain]
            self._add(Rerun(op=op, cause=surely[0].cause if surely else op))

    def _add(self, rerun: Rerun, found_as: str = "") -> None:
        self._ids[rerun.op.digest] = found_as or f"new {rerun.op.digest}"
        self.found[rerun.op.digest] = rerun


def signatures(state: State, op: Op, ids: Mapping[str, str]) -> tuple[Signature, Signature]:
    """What an operation is made of; and the same without what it takes from other steps by content."""
    key = state.keys.get(op.digest)
    own = (op.kind, key.digest if key else _own(op))
    exact: list[Any] = [own]
    loose: list[Any] = [own]
    for index, (source, output) in enumerate(op.inputs):
        how = key.inputs[index] if key else None
        by_content = how is not None and how.selections is not None
        if by_content and is_local(state.graph.op(source)):
            part = ("content", state.contents.get((op.digest, index), ""))
            exact.append(part)
            loose.append(part)
            continue
        linked = (ids[source], output, how.selector if how else "")
        exact.append(linked)
        loose.append("?" if by_content else linked)
    return tuple(exact), tuple(loose)


def _own(op: Op) -> str:
    """What stands for an operation whose key is not known."""
    if is_local(op):
        return str(op.body.get("identifier"))
    return json.dumps(op.body, sort_keys=True, default=str)


def _is_never_found(state: State, op: Op) -> bool:
    """Whether it stands on a local directory as a whole, whose key is new in each build."""
    key = state.keys.get(op.digest)
    return any(
        is_local(state.graph.op(source)) and (key is None or key.inputs[index].selections is None)
        for index, (source, _) in enumerate(op.inputs)
    )
