"""What must stay before what in a stage, each with the reason.

Two steps may change places only if neither notices: no path, variable, directory, user or shell that one of
them sets or writes is used or written by the other. Of a step that isn't understood everything is assumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.analysis.reach import root_base
from fastbuild.hierarchy import ancestors, covers
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.nodes import EXISTING, nodes_of
from fastbuild.reorder.paths import PathSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.subject import Subject
    from fastbuild.reorder.node import Node


_BUSTS = re.compile(
    r"BUST|CACHE_?(KEY|DATE|TIME|ID|BREAK|VER|INVALID|KILL)|^(NO_?)?CACHE$|REBUILD|REFRESH|INVALIDATE|NONCE"
    r"|RERUN|^FORCE",
    re.IGNORECASE,
)
"""Names of arguments that exist to make steps run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Node `before` must stay before node `after` (positions in the stage), because of `why` (one clause).

    An edge of trust LIKELY may be dropped if the result is proved by building.
    """

    before: int
    after: int
    why: str
    trust: Trust = Trust.MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The nodes of one stage in file order, FROM left out, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def strict(self) -> tuple[Edge, ...]:
        """The edges to obey without a proof: all of them."""
        return self.edges

    def relaxed(self) -> tuple[Edge, ...]:
        """The edges to obey even with a proof."""
        return tuple(edge for edge in self.edges if edge.trust is Trust.MODEL)


def graph(subject: Subject, stage: int) -> Graph:
    """The graph of the stage with index `stage`. Raises DockerfileSyntax for an expansion BuildKit
    refuses."""
    above, nodes = nodes_of(subject, stage)
    existing: frozenset[str] = (
        frozenset() if root_base(subject, subject.stages[stage]) == "scratch" else EXISTING
    )
    pairs = _Pairs(nodes=nodes, above=above, existing=existing, provided=_Provided(nodes))
    for j in range(len(nodes)):
        for i in range(j):
            if (edge := _edge(pairs, i, j)) is not None:
                pairs.known[i, j] = edge
    # who makes a directory depends on the other edges
    for j in range(len(nodes)):
        for i in range(j):
            edge = pairs.known.get((i, j))
            if (edge is None or not edge.trust) and (why := _shared(pairs, i, j)):
                pairs.known[i, j] = Edge(before=i, after=j, why=why)
    return Graph(nodes=nodes, edges=tuple(pairs.known[pair] for pair in sorted(pairs.known, key=_by_later)))


def _by_later(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[1], pair[0]


def _shared(pairs: _Pairs, i: int, j: int) -> str | None:
    """Why the two share the making of a directory."""
    touching = pairs.nodes[i].touches and pairs.nodes[j].touches
    return next(_parents(pairs, i, j), None) if touching else None


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """What is looked at in every pair: the nodes, those of the stages below, and the edges found so far."""

    nodes: tuple[Node, ...]
    above: tuple[Node, ...]
    existing: frozenset[str]
    provided: _Provided
    known: dict[tuple[int, int], Edge] = field(default_factory=dict)


def _edge(pairs: _Pairs, i: int, j: int) -> Edge | None:
    first, second = pairs.nodes[i], pairs.nodes[j]
    why = next(_reasons(pairs, i, j), None)
    if why:
        return Edge(before=i, after=j, why=why)
    if not (first.touches and second.touches):
        return None
    doubts = (*first.doubts, *second.doubts, *_link_doubts(pairs, i, j))
    return Edge(before=i, after=j, why=doubts[0], trust=Trust.LIKELY) if doubts else None


def _link_doubts(pairs: _Pairs, i: int, j: int) -> Iterator[str]:
    """Why paths that look different may still be one: a link that one of the two steps may go through.

    One that is left between the two is nothing to the first, if that has to stay before it.
    """
    nodes = pairs.nodes
    for k, node in enumerate((*nodes[:j], *pairs.above)):
        if k == i or not node.opaque:
            continue
        through = node.writes
        both = (nodes[j],) if i < k < j and (i, k) in pairs.known else (nodes[i], nodes[j])
        if node.unknown or any(_goes_through(each, through) for each in both):
            yield f"line {node.line} may leave a symbolic link, and two paths may then be one"
            return


def _goes_through(node: Node, links: PathSet) -> bool:
    starts = {node.step.cwd} if node.step.keyword == "RUN" and node.step.cwd else set()
    inside = any(covers(tree, path) for tree in links.trees for path in node.enters | starts)
    return inside or bool(links.reaches(node.reads) or links.clash(node.writes))


def _reasons(pairs: _Pairs, i: int, j: int) -> Iterator[str]:
    first, second, provided = pairs.nodes[i], pairs.nodes[j], pairs.provided
    if first.fixed and second.fixed:
        yield "settings of the image keep their order"
    yield from _settings(first, second)
    yield from _variables(first, second)
    if not (first.touches and second.touches):
        return
    for node in (first, second):
        if node.unknown:
            yield f"line {node.line} may read and write anything: {node.unknown}"
    if shared := first.caches & second.caches:
        yield f"both use the cache mount {min(shared)}"
    if path := first.writes.clash(second.writes):
        yield f"both write {path}"
    if path := provided.reaches(i, second.reads):
        yield f"line {second.line} reads {path}, which line {first.line} writes"
    if path := provided.reaches(j, first.reads):
        yield f"line {first.line} looks at {path}, which line {second.line} writes"
    yield from _directories(first, second)
    yield from _enclosing(pairs, first, second)


def _enclosing(pairs: _Pairs, first: Node, second: Node) -> Iterator[str]:
    if first.step.keyword == "WORKDIR":
        for path in sorted((first.makes.keys() & second.makes.keys()) - pairs.existing):
            yield f"line {first.line} makes {path}"


def _directories(first: Node, second: Node) -> Iterator[str]:
    """Directories that one needs or passes, and the other makes, removes or closes."""
    for one, run in ((first, second), (second, first)):
        starts = {run.step.cwd or "/"} if run.step.keyword == one.step.keyword == "RUN" else set()
        for path in sorted(run.enters | starts):
            if any(covers(tree, path) for tree in one.writes.trees):
                yield f"line {run.line} goes to {path}, which line {one.line} writes"
        if closed := _closes(one, run):
            yield f"line {one.line} sets the mode of {closed}, where the user of line {run.line} looks"


def _closes(copy: Node, run: Node) -> str | None:
    """A directory whose mode or owner one sets, on the way to what an ordinary user reads in the other."""
    if run.step.keyword != "RUN" or _is_root(run):
        return None
    looked = {*run.reads, run.step.cwd or "/"}
    ways = {above for path in looked for above in (path, *ancestors(path))}
    return next((path for path in sorted(ways) if path in copy.writes.entries), None)


def _settings(first: Node, second: Node) -> Iterator[str]:
    """Directory, user and shell."""
    names = {"cwd": "the directory", "user": "the user", "shell": "the shell"}
    for setting in sorted((first.sets | second.sets) & names.keys()):
        if (setting in first.sets and setting in second.uses | second.sets) or (
            setting in second.sets and setting in first.uses
        ):
            setter = first if setting in first.sets else second
            yield f"line {setter.line} sets {names[setting]}"


def _variables(first: Node, second: Node) -> Iterator[str]:
    for setter, other in ((first, second), (second, first)):
        for name in sorted(setter.assigns):
            if name in other.assigns or other.may_use(name):
                yield f"line {other.line} may use {name}, which line {setter.line} sets"
            if setter.step.keyword == "ARG" and _BUSTS.search(name) and other.step.keyword == "RUN":
                yield f"line {setter.line} is there to run again what is below it"


def _parents(pairs: _Pairs, i: int, j: int) -> Iterator[str]:
    """Directories that both would make if absent, but not alike, and that nobody is sure to have made
    before."""
    first, second = pairs.nodes[i], pairs.nodes[j]
    for path in sorted(first.makes.keys() & second.makes.keys()):
        if path in pairs.existing:
            continue
        if first.makes[path] != second.makes[path] and not _made_before(pairs, i, j, path):
            yield f"the first of them makes {path}, with its own mode and owner"
    for one, other in ((first, second), (second, first)):
        for path in sorted(one.makes.keys() & other.writes.entries.keys()):
            # only root may write below whatever mode the directory has
            if _is_root(one) and (path in pairs.existing or _made_before(pairs, i, j, path)):
                continue
            yield f"line {one.line} makes {path} if line {other.line} has not copied it"


def _made_before(pairs: _Pairs, i: int, j: int, path: str) -> bool:
    """Whether a COPY or WORKDIR makes `path` before both in any order, or just as the one that it may follow.

    A RUN may fail to make what it could, and one in between may remove it.
    """
    nodes, known = pairs.nodes, pairs.known
    for k in range(j):
        how = nodes[k].makes.get(path)
        if k == i or how is None or nodes[k].step.keyword == "RUN" or nodes[k].unknown or not nodes[k].writes:
            continue
        before_first = (k, i) in known or nodes[i].makes.get(path) == how
        before_second = (k, j) in known or nodes[j].makes.get(path) == how
        fixed = (k, i) in known or (k, j) in known
        if fixed and before_first and before_second and not any(_removes(n, path) for n in nodes[k + 1 : j]):
            return True
    return False


def _removes(node: Node, path: str) -> bool:
    return bool(node.unknown) or (
        node.step.keyword == "RUN" and any(covers(tree, path) for tree in node.writes.trees)
    )


def _is_root(node: Node) -> bool:
    return node.step.user.partition(":")[0] in ("", "root", "0")


class _Provided:
    """Entries of a COPY that an earlier COPY has already brought, equal in all: reading them needs only
    one."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._new = [self._fresh(at) for at in range(len(nodes))]

    def reaches(self, at: int, reads: frozenset[str]) -> str | None:
        """As PathSet.reaches for what node `at` writes, save what was there before, unchanged."""
        return self._new[at].reaches(reads)

    def _fresh(self, at: int) -> PathSet:
        writes = self._nodes[at].writes
        if not writes.entries:
            return writes
        same: set[str] = set()
        for k in range(at):
            earlier = self._nodes[k].writes.entries
            if not earlier or not self._nodes[k].files:
                continue
            shared = {
                p for p, origin in writes.entries.items() if earlier.get(p) == origin and origin[0] == "file"
            }
            shared -= same
            if shared and not self._disturbed(shared, k + 1, at):
                same |= shared
        if not same:
            return writes
        return PathSet(writes.trees, {p: origin for p, origin in writes.entries.items() if p not in same})

    def _disturbed(self, paths: set[str], start: int, end: int) -> bool:
        wanted = PathSet(entries=dict.fromkeys(paths, ("any",)))
        return any(
            node.unknown
            or (not node.files and node.writes.clash(wanted))
            or _overwrites(node, paths, self._nodes[end])
            for node in self._nodes[start:end]
        )


def _overwrites(node: Node, paths: set[str], copy: Node) -> bool:
    """Whether another COPY in between brings something else for one of the paths."""
    entries = node.writes.entries
    return any(p in entries and entries[p] != copy.writes.entries[p] for p in paths) or bool(
        node.files and node.writes.trees
    )
