"""A cache that forgets nothing: the records that builds leave, for the next build to be matched with.

Sources: solver/edge.go, solver/cachemanager.go of BuildKit. A build leaves a record for each operation that
ran, linked to the records of its inputs and to the contents that its inputs had. What a step made is not
known, so a link from such content is kept as "some content".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.keys.lookup import Question, is_local, states
from fastbuild.keys.match import Verdict, match
from fastbuild.keys.ops import OpKey, record_key
from fastbuild.keys.records import Edge, Held, Records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.lookup import Output
    from fastbuild.keys.match import StepVerdict
    from fastbuild.keys.reach import State

_HELD = Held(created=None, top=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build: its graph, the operations' keys and the contents of inputs that are local directories."""

    graph: Graph
    keys: Mapping[str, OpKey | None]
    contents: Mapping[Output, str]


def pinned(graph: Graph, keys: Mapping[str, OpKey | None]) -> dict[str, OpKey | None]:
    """`keys` with one for each remote source whose version only a build can know: it is taken to stay."""
    found = dict(keys)
    for op in graph.ops:
        if op.kind == "source" and found.get(op.digest) is None and not is_local(op):
            text = f"unchanged {op.body.get('identifier')} {op.body.get('attrs')}"
            found[op.digest] = OpKey(digest=text, plaintext=text, inputs=())
    return found


class PerfectCache:
    """The records of all builds that were added. Empty at first, as on a fresh machine."""

    def __init__(self) -> None:
        self._roots: set[str] = set()
        self._edges: defaultdict[Edge, frozenset[str]] = defaultdict(frozenset)
        self._by_content: defaultdict[tuple[int, str], frozenset[str]] = defaultdict(frozenset)
        self._by_any: defaultdict[tuple[int, str], frozenset[str]] = defaultdict(frozenset)
        self._held: dict[str, Held] = {}
        self._count = 0

    def verdicts(self, build: Build) -> Mapping[str, StepVerdict]:
        """What would happen to each operation."""
        return match(build.graph, build.keys, build.contents, (self._records(),))

    def knows_content(self, build: Build, op: Op, place: int) -> bool:
        """Whether the operation has run with the content that this input has."""
        key, content = build.keys.get(op.digest), build.contents.get((op.digest, place))
        if key is None or content is None:
            return False
        edge = (record_key(content, -1), place, record_key(key.digest, 0), "")
        return edge in self._edges

    def knows_key(self, build: Build, op: Op) -> bool:
        """Whether an operation of this definition has run, on whatever input."""
        key = build.keys.get(op.digest)
        return key is not None and (0, record_key(key.digest, 0)) in self._by_any

    def add(self, build: Build, verdicts: Mapping[str, StepVerdict]) -> None:
        """Keep what the build leaves; `verdicts` are those of `verdicts`, before it.

        What only may run is taken to run.
        """
        question = Question(
            graph=build.graph, keys=build.keys, contents=build.contents, caches=(self._records(),)
        )
        ids: dict[Output, frozenset[str]] = {}
        for (digest, index), state in states(question).items():
            op, key = build.graph.op(digest), build.keys.get(digest)
            if key is None or is_local(op):
                ids[digest, index] = frozenset()
                continue
            name = record_key(key.digest, index)
            ids[digest, index] = self._ids(op, name, state, verdicts[digest])
            made = ids[digest, index]
            for place, source in enumerate(op.inputs if made else ()):
                content = build.contents.get((digest, place))
                self._link(key, place, name, ids.get(source, frozenset()), content, made)

    def _ids(self, op: Op, name: str, state: State, verdict: StepVerdict) -> frozenset[str]:
        runs = verdict.needed and verdict.verdict in (Verdict.MISS, Verdict.MAYBE)
        known = state.here[0].result
        if not op.inputs:
            self._roots.add(name)
            found = frozenset((name,))
        elif known or not runs:
            found = known
        else:
            self._count += 1
            found = frozenset((f"built {self._count}",))
        if runs and not op.ignore_cache:
            self._held.update(dict.fromkeys(found, _HELD))
        return found

    def _link(
        self,
        key: OpKey,
        place: int,
        name: str,
        parents: frozenset[str],
        content: str | None,
        made: frozenset[str],
    ) -> None:
        how = key.inputs[place]
        for parent in parents:
            self._edges[parent, place, name, how.selector] |= made
        if content is not None:
            self._roots.add(record_key(content, -1))
            self._edges[record_key(content, -1), place, name, ""] |= made
        if how.selections is not None:
            self._by_content[place, name] |= made
        self._by_any[place, name] |= made

    def _records(self) -> Records:
        return Records(
            label="replay",
            own=True,
            roots=frozenset(self._roots),
            edges=self._edges,
            by_content=self._by_content,
            by_any=self._by_any,
            held=self._held,
        )
