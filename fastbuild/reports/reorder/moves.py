"""Each step of a suggestion in words: why it moved, what that saves, how sure it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reports.findings.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.reorder.propose import Freed, PlannedStep, StagePlan
    from fastbuild.reports.reorder.suggestion import Suggestion

LEAST_SHOWN = 0.05
"""Seconds per commit: a change below it is 0.0 in every report."""
LEAST_MOVE = 0.5
"""Seconds per commit from which on a step is explained though the diff doesn't move it."""
MOST_FREED = 3
"""Steps that a reason names."""
_MEMBER = re.compile(
    r"COPY .*?([^ ]+)/(?:package\.json|pyproject\.toml|Cargo\.toml|go\.mod|pom\.xml|composer\.json"
    r"|build\.gradle(?:\.kts)?)\b.* [^ ]*/\1/"
)
"""A line that brings the manifest of a workspace's member to a directory of the same name."""
NAMED = 40
"""Characters of an instruction that a reason names."""

_Changing = dict[tuple[int, str], "Freed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step of the new order. `text` is one line in which nothing acts; `reason` and `safety` are clauses,
    empty where the step did not move."""

    step: PlannedStep
    text: str
    reason: str = ""
    safety: str = ""

    @property
    def seconds(self) -> str:
        """`~15.3`: what it takes, marked if estimated."""
        return (
            f"{'' if self.step.measured or self.step.seconds < LEAST_SHOWN else '~'}{self.step.seconds:.1f}"
        )

    @property
    def now(self) -> str:
        """The share of commits in which it runs today."""
        return "new" if self.step.share_now is None else percent(self.step.share_now)

    @property
    def after(self) -> str:
        """The share in the new order."""
        return percent(self.step.share_after)

    @property
    def saving(self) -> str:
        """Seconds per commit, without their unit."""
        value = self.step.saving
        return "0.0" if abs(value) < LEAST_SHOWN else f"{value:.1f}"

    @property
    def changes(self) -> bool:
        """Whether its cost changes, as far as a report shows."""
        return self.step.line is None or abs(self.step.saving) >= LEAST_SHOWN


def rows(stage: StagePlan, suggestion: Suggestion) -> tuple[Row, ...]:
    """All steps of a stage in their new order."""
    changing = {(each.line, each.text): each for step in stage.steps for each in step.freed}
    doubts = _doubts(stage)
    return tuple(
        _row(step, changing, doubts.get(at, ()), suggestion)
        for step, at in zip(stage.steps, stage.order, strict=True)
    )


def _row(step: PlannedStep, changing: _Changing, doubts: Sequence[str], suggestion: Suggestion) -> Row:
    text = one_line(step.text)
    if not (step.moved or step.line is None or step.saving >= LEAST_MOVE):
        return Row(step=step, text=text)
    return Row(step=step, text=text, reason=_reason(step, changing), safety=_safety(doubts, suggestion))


def _reason(step: PlannedStep, changing: _Changing) -> str:
    if step.line is None:
        more = "; a member added later needs a line of its own: `fastbuild reorder --check` tells"
        return f"brings only what a RUN below it reads{more if _MEMBER.fullmatch(step.text) else ''}"
    named = sorted((each for each in step.freed if each.line), key=lambda each: (-each.share, each.line))
    if named:
        groups: dict[str, list[Freed]] = {}
        for each in named[:MOST_FREED]:
            groups.setdefault(percent(each.share), []).append(each)
        said = [_group(each, share) for share, each in groups.items()]
        more = f", nor {len(named) - MOST_FREED} more" if len(named) > MOST_FREED else ""
        return f"no longer follows {', nor '.join(said)}{more}"
    if (step.line, step.text) in changing:
        share = percent(changing[step.line, step.text].share)
        return f"changes in {share} of commits: what does not need it now comes first"
    return "moved along with the others"


def _group(freed: Sequence[Freed], share: str) -> str:
    """Steps that change equally often."""
    names = [f"line {each.line} ({cut(one_line(each.text), NAMED)})" for each in freed]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{listed}, which {'change' if len(names) > 1 else 'changes'} in {share} of commits"


def _safety(doubts: Sequence[str], suggestion: Suggestion) -> str:
    if suggestion.proved:
        return "proved"
    if suggestion.refuted:
        return "not proved"
    if not doubts:
        return "by the model"
    more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
    return f"needs --prove: {visible(doubts[0])}{more}"


def _doubts(stage: StagePlan) -> dict[int, tuple[str, ...]]:
    """The reasons that speak against each position's new place."""
    place = {at: row for row, at in enumerate(stage.order)}
    found: dict[int, dict[str, None]] = {}
    for edge in stage.graph.edges:
        if place[edge.before] > place[edge.after]:
            for end in (edge.before, edge.after):
                found.setdefault(end, {})[edge.why] = None
    return {at: tuple(whys) for at, whys in found.items()}


def by_saving(table: Sequence[Row]) -> list[Row]:
    """The rows that need a reason, those that save most first."""
    return sorted((row for row in table if row.reason), key=lambda row: -float(row.saving))


def one_line(text: str) -> str:
    """An instruction on one line in which nothing acts."""
    return visible(" ".join(text.split()))


def cut(text: str, width: int) -> str:
    """At most `width` characters, an ellipsis where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def percent(share: float) -> str:
    """`84 %`; never `0 %` for what does happen, nor `100 %` for what does not always."""
    if 0 < share <= 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def saved(now: float, after: float) -> str:
    """` (94 % less)`, empty where there is nothing to compare."""
    return f" ({percent((now - after) / now)} less)" if now > after else ""
