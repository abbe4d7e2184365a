"""The graph of constraints as an arc diagram: steps below one another, arcs to what must follow."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from fastbuild.reports.findings.safe import visible
from fastbuild.reports.reorder.moves import cut, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.reorder.constraints import Edge, Graph

ROW = 26
"""Pixels between two steps."""
BEND = 17.0
"""Pixels that the arc between neighbours stands out; others by the root of their length."""
CHARACTER = 7.3
"""Pixels: the width of a character of the font, rounded up."""
NUMBER = 40
"""Pixels of the column of line numbers."""
LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step at `y`; `line` is its line in the original, or `new`."""

    y: int
    line: str
    text: str
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """A path in SVG's notation with its reason; `doubt` if a proof could lift it."""

    path: str
    why: str
    doubt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All in pixels. `spine` is where the dots stand."""

    width: int
    height: int
    spine: int
    nodes: tuple[Node, ...]
    arcs: tuple[Arc, ...]


def drawing(
    graph: Graph, order: Sequence[int], lines: Sequence[int | None], moved: Sequence[bool]
) -> Drawing:
    """Steps in `order` (positions in the graph), with their lines in the original and whether they moved.

    Arcs that a chain of others implies are left out.
    """
    place = {at: row for row, at in enumerate(order)}
    edges = [edge for edge in _reduced(graph.edges) if place[edge.before] < place[edge.after]]
    spans = [place[edge.after] - place[edge.before] for edge in edges]
    spine = round(BEND * sqrt(max(spans, default=0))) + 10
    texts = [cut(one_line(graph.nodes[at].instruction.text), LONGEST) for at in order]
    return Drawing(
        width=round(spine + 10 + NUMBER + max(map(len, texts), default=0) * CHARACTER) + 8,
        height=ROW * len(texts) + 4,
        spine=spine,
        nodes=tuple(
            Node(y=ROW * row + 15, line="new" if line is None else str(line), text=text, moved=is_moved)
            for row, (text, line, is_moved) in enumerate(zip(texts, lines, moved, strict=True))
        ),
        arcs=tuple(_arc(edge, place[edge.before], place[edge.after], spine) for edge in edges),
    )


def _arc(edge: Edge, first: int, last: int, spine: int) -> Arc:
    top, bottom = ROW * first + 15, ROW * last + 15
    # a cubic curve reaches three quarters of the way to its control points
    bend = spine - BEND * sqrt(last - first) / 0.75
    path = f"M{spine} {top} C{bend:.1f} {top} {bend:.1f} {bottom} {spine} {bottom}"
    return Arc(path=path, why=visible(edge.why), doubt=not edge.trust)


def _reduced(edges: tuple[Edge, ...]) -> list[Edge]:
    """Without edges that a chain of others implies."""
    following: dict[int, set[int]] = {}
    for edge in edges:
        following.setdefault(edge.before, set()).add(edge.after)

    def implied(edge: Edge) -> bool:
        pending, seen = [n for n in following[edge.before] if n != edge.after], set[int]()
        while pending:
            node = pending.pop()
            if node == edge.after:
                return True
            if node not in seen and node < edge.after:
                seen.add(node)
                pending += following.get(node, ())
        return False

    return [edge for edge in edges if not implied(edge)]
