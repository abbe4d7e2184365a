"""From a Dockerfile to the best order that is safe: the whole way, without side effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.constraints import graph
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.plan import best_order, expected
from fastbuild.reorder.rewrite import reordered, with_lines
from fastbuild.reorder.split import splits
from fastbuild.reorder.stamps import parted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.analysis.subject import Subject
    from fastbuild.reorder.constraints import Edge, Graph
    from fastbuild.reorder.cost import Costs
    from fastbuild.reorder.plan import Item
    from fastbuild.reorder.stamps import Parted

LEAST = 0.5
"""Seconds per commit that a stage's new order must save to be proposed, and the share of them below."""
LEAST_SHARE = 0.03
MOST_PASSES = 4
"""Orders tried on top of each other; two is the most that was ever needed."""


@dataclass(frozen=True, slots=True)
class Freed:
    """A step that another one no longer follows: `share` of the commits change it itself."""

    text: str
    line: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of the new order.

    `line` is its line in the original (None for an added one), `seconds` what it takes, `share` how
    often it runs (0 to 1) now and after; `moved` whether the diff moves it. `freed` are the steps that
    change with commits and no longer come before it.
    """

    text: str
    line: int | None
    seconds: float
    measured: bool
    share_now: float | None
    share_after: float
    moved: bool
    freed: tuple[Freed, ...] = ()

    @property
    def saving(self) -> float:
        """Expected seconds per commit; negative for what runs more often than before."""
        return self.seconds * ((self.share_now or 0.0) - self.share_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """The new order of one stage. `now` and `after` are expected seconds per commit.

    `doubts` are the reasons why the order needs a proof; empty if the model vouches for it. `parted` are
    instructions that became two.
    """

    index: int
    name: str
    now: float
    after: float
    steps: tuple[PlannedStep, ...]
    graph: Graph
    """Of the text with the added lines, in file order."""
    order: tuple[int, ...]
    """Positions in `graph.nodes`, in their new order."""
    doubts: tuple[str, ...] = ()
    exact: bool = True
    parted: tuple[Parted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rewritten Dockerfile. `stages` holds those that change; none means that the order is good.

    `now` and `after` sum over all stages, changed or not.
    """

    original: str
    text: str
    now: float
    after: float
    stages: tuple[StagePlan, ...] = ()
    held: tuple[Graph, ...] = ()
    """The graphs of all stages of the original, for `--why`."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it needs a proof."""
        return tuple(dict.fromkeys(doubt for stage in self.stages for doubt in stage.doubts))

    @property
    def exact(self) -> bool:
        """Whether all orders were looked at."""
        return all(stage.exact for stage in self.stages)


def propose(subject: Subject, costs: Costs, *, trust: Trust = Trust.MODEL) -> Proposal:
    """The best order of every stage. With trust LIKELY, also what only a proof can make sure.

    Raises DockerfileSyntax where BuildKit would refuse the file.
    """
    original = subject
    plans: list[StagePlan] = []
    for index in range(len(subject.dockerfile.stages)):
        plan, text = _improve(subject, index, costs, trust)
        if plan is not None:
            plans.append(_with_lines_of(plan, original))
            subject = _again(subject, text)
    return Proposal(
        original=original.dockerfile.source,
        text=subject.dockerfile.source,
        now=_total(original, costs),
        after=_total(subject, costs),
        stages=tuple(plans),
        held=tuple(graph(original, index) for index in range(len(original.dockerfile.stages))),
    )


def _again(subject: Subject, text: str) -> Subject:
    return replace(subject, dockerfile=parse(text, subject.dockerfile.name))


def _total(subject: Subject, costs: Costs) -> float:
    own = costs.of(subject)
    total = 0.0
    for stage in subject.stages:
        items = [own.item(step) for step in stage.steps[1:]]
        total += expected(items, range(len(items)), costs.commits.count, own.before(stage.stage.index))
    return total


def _improve(subject: Subject, index: int, costs: Costs, trust: Trust) -> tuple[StagePlan | None, str]:
    """The plan for one stage and the text with it; None if nothing is worth it."""
    first = graph(subject, index)
    now = _cost(first, subject, costs, range(len(first.nodes)))
    plan, text = _best(subject, index, costs, trust)
    parted_text, parts = parted(subject.dockerfile, index)
    if parts:
        other, other_text = _best(_again(subject, parted_text), index, costs, trust)
        if _worth(plan.after, other.after):
            plan, text = replace(other, parted=parts), other_text
    if not _worth(now, plan.after) or plan.order == tuple(range(len(plan.order))):
        return None, subject.dockerfile.source
    plan, text = _final(plan, _again(subject, text), costs, trust)
    return replace(plan, now=now), text


def _final(plan: StagePlan, subject: Subject, costs: Costs, trust: Trust) -> tuple[StagePlan, str]:
    """The plan that leaves nothing to propose, and its text: an order can free what no order before could.

    Which of two steps makes a directory, for instance, holds others only while they stand between.
    """
    text = _ordered(plan, subject)
    for _ in range(MOST_PASSES):
        further = _planned(_again(subject, text), plan.index, costs, trust)
        if not _worth(plan.after, further.after):
            break
        plan = _joined(plan, further, subject, costs)
        text = _ordered(plan, subject)
    return plan, text


def _ordered(plan: StagePlan, subject: Subject) -> str:
    return reordered(subject.dockerfile, [plan.graph.nodes[at].instruction.index for at in plan.order])


def _joined(first: StagePlan, second: StagePlan, subject: Subject, costs: Costs) -> StagePlan:
    """Both plans as one. What held a step in the first order alone is left out of its graph."""
    order = tuple(first.order[at] for at in second.order)
    doubts = tuple(dict.fromkeys((*first.doubts, *second.doubts)))
    edges = first.graph.edges
    found = replace(first.graph, edges=tuple(e for e in edges if e.why in doubts or not _broken([e], order)))
    own = costs.of(subject)
    items = [own.item(node.step) for node in found.nodes]
    return replace(
        first,
        after=second.after,
        steps=_steps(found, items, order, costs, own.before(first.index)),
        graph=found,
        order=order,
        doubts=doubts,
        exact=first.exact and second.exact,
    )


def _best(subject: Subject, index: int, costs: Costs, trust: Trust) -> tuple[StagePlan, str]:
    """The best order of one stage, and the text in the old order with the lines that it adds."""
    added = splits(graph(subject, index))
    if not added:
        return _planned(subject, index, costs, trust), subject.dockerfile.source
    text = with_lines(subject.dockerfile, _by_instruction(added))
    plan = _planned(_again(subject, text), index, costs, trust)
    useful = _useful(plan, {line for split in added for line in split.lines})
    text = with_lines(subject.dockerfile, _only(_by_instruction(added), useful))
    return _planned(_again(subject, text), index, costs, trust), text


def _worth(now: float, after: float) -> bool:
    return now - after >= max(LEAST, LEAST_SHARE * now)


def _by_instruction(added: Sequence[object]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for split in added:
        lines = (*found.get(split.copy, ()), *split.lines)  # type: ignore[attr-defined]
        found[split.copy] = tuple(dict.fromkeys(lines))  # type: ignore[attr-defined]
    return found


def _only(lines: dict[int, tuple[str, ...]], useful: set[str]) -> dict[int, tuple[str, ...]]:
    return {index: tuple(line for line in texts if line in useful) for index, texts in lines.items()}


def _useful(plan: StagePlan, added: set[str]) -> set[str]:
    """The added lines that a RUN follows before the COPY that brings the same files."""
    useful = set()
    nodes = plan.graph.nodes
    for place, at in enumerate(plan.order):
        text = nodes[at].instruction.source.rstrip("\r\n")
        brought = nodes[at].files.items()
        if text not in added or any(brought <= nodes[each].files.items() for each in plan.order[:place]):
            continue
        for later in plan.order[place + 1 :]:
            node = nodes[later]
            if node.step.keyword == "RUN" and not node.unknown and nodes[at].writes.reaches(node.reads):
                useful.add(text)
                break
            if brought <= node.files.items():
                break
    return useful


def _cost(of: Graph, subject: Subject, costs: Costs, order: Sequence[int]) -> float:
    own = costs.of(subject)
    items = [own.item(node.step) for node in of.nodes]
    stage = of.nodes[0].step.stage.index if of.nodes else 0
    return expected(items, order, costs.commits.count, own.before(stage))


def _planned(subject: Subject, index: int, costs: Costs, trust: Trust) -> StagePlan:
    found = graph(subject, index)
    own = costs.of(subject)
    items = [own.item(node.step) for node in found.nodes]
    before, commits = own.before(index), costs.commits.count
    edges = found.strict() if trust is Trust.MODEL else found.relaxed()
    order = best_order(items, [(e.before, e.after) for e in edges], commits, before)
    stage = subject.dockerfile.stages[index]
    return StagePlan(
        index=index,
        name=stage.name or str(index),
        now=0.0,
        after=expected(items, order.positions, commits, before),
        steps=_steps(found, items, order.positions, costs, before),
        graph=found,
        order=order.positions,
        doubts=_broken(found.edges, order.positions),
        exact=order.exact,
    )


def _broken(edges: Sequence[Edge], order: Sequence[int]) -> tuple[str, ...]:
    """The reasons of edges that the order doesn't keep: only likely ones can be among them."""
    place = {at: position for position, at in enumerate(order)}
    return tuple(dict.fromkeys(e.why for e in edges if place[e.before] > place[e.after]))


def _steps(
    found: Graph, items: Sequence[Item], order: Sequence[int], costs: Costs, before: int
) -> tuple[PlannedStep, ...]:
    now = _shares(items, range(len(items)), costs.commits.count, before)
    after = _shares(items, order, costs.commits.count, before)
    still = _kept(order)
    steps = []
    for at in order:
        node = found.nodes[at]
        seconds, measured = costs.seconds(node.step)
        steps.append(
            PlannedStep(
                text=node.instruction.text,
                line=node.line,
                seconds=seconds,
                measured=measured,
                share_now=now[at],
                share_after=after[at],
                moved=at not in still,
                freed=_freed(found, items, order, at, costs.commits.count),
            )
        )
    return tuple(steps)


def _freed(
    found: Graph, items: Sequence[Item], order: Sequence[int], at: int, commits: int
) -> tuple[Freed, ...]:
    still = set(order[: order.index(at)])
    gone = (other for other in range(at) if other not in still and items[other].changes)
    return tuple(
        Freed(
            found.nodes[each].instruction.text,
            found.nodes[each].line,
            items[each].changes.bit_count() / commits,
        )
        for each in gone
    )


def _shares(items: Sequence[Item], order: Sequence[int], commits: int, before: int) -> dict[int, float]:
    changed, found = before, {}
    for at in order:
        changed |= items[at].changes
        found[at] = changed.bit_count() / commits if commits else 0.0
    return found


def _kept(order: Sequence[int]) -> set[int]:
    """A longest run of steps that keep their order among themselves: the diff moves the others."""
    runs: list[tuple[int, ...]] = [()]
    for at in order:
        before = [run for run in runs if not run or run[-1] < at]
        runs.append((*sorted(before, key=len)[-1], at))
    return set(sorted(runs, key=len)[-1])


def _with_lines_of(plan: StagePlan, original: Subject) -> StagePlan:
    """Line numbers of the original; None for what was added."""
    lines: dict[str, list[int]] = {}
    for instruction in original.dockerfile.stages[plan.index].body:
        lines.setdefault(instruction.text, []).append(instruction.start)
    for each in plan.parted:
        for part in each.parts:
            lines.setdefault(part.text, []).append(lines[each.whole.text][0])
    steps = []
    for step in plan.steps:
        freed = tuple(replace(each, line=next(iter(lines.get(each.text, ())), 0)) for each in step.freed)
        steps.append(replace(step, freed=freed))
    for at, step in enumerate(steps):
        if known := lines.get(step.text):
            steps[at] = replace(step, line=known.pop(0))
        else:
            steps[at] = replace(step, line=None, share_now=None, moved=False)
    return replace(plan, steps=tuple(steps))
