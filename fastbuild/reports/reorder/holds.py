"""What holds each instruction where it is, for `--why`: the constraints, equal reasons told once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reports.findings.safe import visible
from fastbuild.reports.reorder.moves import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastbuild.reorder.constraints import Edge, Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason why an instruction has to follow others. `after` names them (`lines 3, 5-7`)."""

    after: str
    why: str
    unless_proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One instruction of the original with all that holds it; `text` is one line in which nothing acts."""

    line: int
    text: str
    holds: tuple[Hold, ...]


def held(graph: Graph) -> tuple[Held, ...]:
    """Every instruction of a stage, FROM left out."""
    lines = [node.line for node in graph.nodes]
    return tuple(
        Held(
            line=node.line,
            text=one_line(node.instruction.text),
            holds=_holds([edge for edge in graph.edges if edge.after == at], lines),
        )
        for at, node in enumerate(graph.nodes)
    )


def name_of(graph: Graph) -> str:
    """The stage's name, or its number; empty for a stage without instructions."""
    if not graph.nodes:
        return ""
    stage = graph.nodes[0].step.stage
    return visible(stage.name or str(stage.index))


def _holds(edges: Iterable[Edge], lines: Sequence[int]) -> tuple[Hold, ...]:
    grouped: dict[tuple[str, bool], list[int]] = {}
    for edge in sorted(edges, key=lambda edge: edge.before):
        grouped.setdefault((visible(edge.why), not edge.trust), []).append(edge.before)
    return tuple(
        Hold(after=_named(places, lines), why=why, unless_proved=unless)
        for (why, unless), places in grouped.items()
    )


def _named(places: Sequence[int], lines: Sequence[int]) -> str:
    """`line 3`, `lines 3, 5-9`: neighbours among the instructions become a range."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    said: list[str] = []
    for run in runs:
        if len(run) > 2:
            said.append(f"{lines[run[0]]}-{lines[run[-1]]}")
        else:
            said += [str(lines[place]) for place in run]
    return f"{'line' if len(places) == 1 else 'lines'} {', '.join(said)}"
