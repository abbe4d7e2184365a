"""What must stay before what in a stage, each with the reason.

Two steps may change places only if neither notices: no path, variable, directory, user or shell that one of
them sets or writes is used or written by the other. Of a step that isn't understood everything is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import Trust
from fastbuild.reorder.nodes import EXISTING, Node, nodes_of
from fastbuild.reorder.paths import PathSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.analysis.subject import Subject


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
    nodes = nodes_of(subject, stage)
    known: dict[tuple[int, int], Edge] = {}
    provided = _Provided(nodes)
    for j in range(len(nodes)):
        for i in range(j):
            if (edge := _edge(nodes, i, j, known, provided)) is not None:
                known[i, j] = edge
    return Graph(nodes=nodes, edges=tuple(known.values()))


def _edge(
    nodes: Sequence[Node], i: int, j: int, known: dict[tuple[int, int], Edge], provided: _Provided
) -> Edge | None:
    first, second = nodes[i], nodes[j]
    why = next(_reasons(nodes, i, j, known, provided), None)
    if why:
        return Edge(before=i, after=j, why=why)
    if not (first.touches and second.touches):
        return None
    doubts = (*first.doubts, *second.doubts, *_link_doubts(nodes, i, j))
    return Edge(before=i, after=j, why=doubts[0], trust=Trust.LIKELY) if doubts else None


def _link_doubts(nodes: Sequence[Node], i: int, j: int) -> Iterator[str]:
    """Why paths that look different may still be one: a link that one of the two steps may go through."""
    for k, node in enumerate(nodes[:j]):
        if k == i or not node.opaque:
            continue
        through = node.writes
        if node.unknown or any(_goes_through(each, through) for each in (nodes[i], nodes[j])):
            yield f"line {node.line} may leave a symbolic link, and two paths may then be one"
            return


def _goes_through(node: Node, links: PathSet) -> bool:
    return bool(links.reaches(node.reads) or links.clash(node.writes))


def _reasons(
    nodes: Sequence[Node], i: int, j: int, known: dict[tuple[int, int], Edge], provided: _Provided
) -> Iterator[str]:
    first, second = nodes[i], nodes[j]
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
    yield from _parents(nodes, i, j, known)


def _settings(first: Node, second: Node) -> Iterator[str]:
    """Directory, user and shell."""
    names = {"cwd": "the directory", "user": "the user", "shell": "the shell"}
    for setting in sorted((first.sets | second.sets) & names.keys()):
        if (setting in first.sets and setting in second.uses | second.sets) or (
            setting in second.sets and setting in first.uses
        ):
            setter = first if setting in first.sets else second
            yield f"line {setter.line} sets {names[setting]} for the other"


def _variables(first: Node, second: Node) -> Iterator[str]:
    for setter, other in ((first, second), (second, first)):
        for name in sorted(setter.assigns):
            if name in other.assigns or other.may_use(name):
                yield f"line {other.line} may use {name}, which line {setter.line} sets"


def _parents(nodes: Sequence[Node], i: int, j: int, known: dict[tuple[int, int], Edge]) -> Iterator[str]:
    """Directories that both would make if absent, but not alike, and that nobody is sure to have made
    before."""
    first, second = nodes[i], nodes[j]
    for path in sorted(first.makes.keys() & second.makes.keys()):
        if path in EXISTING:
            continue
        if first.step.keyword == "WORKDIR":
            yield f"line {first.line} makes {path}"
        if first.makes[path] != second.makes[path] and not _made_before(nodes, i, j, path, known):
            yield f"the first of them makes {path}, with its own mode and owner"
    for one, other in ((first, second), (second, first)):
        for path in sorted(one.makes.keys() & other.writes.entries.keys()):
            # only root may write below whatever mode the directory has
            if path in EXISTING or (_is_root(one) and _made_before(nodes, i, j, path, known)):
                continue
            yield f"line {one.line} makes {path} if line {other.line} has not copied it"


def _made_before(
    nodes: Sequence[Node], i: int, j: int, path: str, known: dict[tuple[int, int], Edge]
) -> bool:
    return any((k, i) in known and (k, j) in known and path in nodes[k].makes for k in range(i))


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
