"""The suggestion on a terminal: the diff, what each step costs now and after, the reasons, the proof."""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING

from fastbuild.reorder.prove import Verdict
from fastbuild.reports.findings.safe import visible
from fastbuild.reports.reorder.holds import held, name_of
from fastbuild.reports.reorder.moves import LEAST_SHOWN, by_saving, cut, rows, saved
from fastbuild.reports.words import plural, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.reorder.propose import Proposal, StagePlan
    from fastbuild.reorder.prove import Proof
    from fastbuild.reports.reorder.moves import Row
    from fastbuild.reports.reorder.suggestion import Suggestion

WIDTH = 80
"""Columns; only lines of the diff may be longer."""
MOST = 20
"""Differences of a proof that are listed."""
GREEN, RED, BOLD, DIM = "32", "31", "1", "2"
_COMMAND = re.compile(r"^(\s*):(?=:)")

_Line = tuple[str, str]
"""A line and its colour."""


def render(suggestion: Suggestion, *, colour: bool = False, why: bool = False) -> str:
    """The whole report, ending in a newline."""
    return "".join(f"{_painted(*line, colour)}\n" for line in _lines(suggestion, why))


def _painted(text: str, style: str, colour: bool) -> str:
    text = _COMMAND.sub(r"\1\\x3a", text)  # what begins with :: is a command to GitHub's runner
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style else text


def _wrapped(text: str, indent: str = "", style: str = "") -> Iterator[_Line]:
    for line in wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "):
        yield line, style


def _lines(suggestion: Suggestion, why: bool) -> Iterator[_Line]:
    proposal, path = suggestion.proposal, visible(suggestion.path)
    if proposal.stages:
        yield from ((line, _style(line)) for line in suggestion.diff())
        yield "", ""
        saving = f"{seconds(proposal.now)} per commit now, {seconds(proposal.after)} after"
        note = ", but not proved" if suggestion.refuted else ""
        said = f"{path}: expected {saving}{saved(proposal.now, proposal.after)}{note}"
        yield from _wrapped(said, "", BOLD)
        for stage in proposal.stages:
            yield "", ""
            yield from _stage(stage, suggestion)
    else:
        found = "no better order without a proof" if suggestion.likely else "no better order found"
        kept = f"{path}: {found}; expected {seconds(proposal.now)} per commit"
        yield from _wrapped(kept, "", BOLD)
    yield "", ""
    yield from _wrapped(f"{suggestion.shares_basis()};", "", DIM)
    yield from _wrapped(suggestion.seconds_basis(), "", DIM)
    if not proposal.exact:
        yield from _wrapped("too many orders to look at all of them: there may be a better one", "", DIM)
    yield from _likely(suggestion.likely)
    if suggestion.proof:
        yield "", ""
        yield from _proof(suggestion.proof, proposal)
    if why:
        yield from _why(proposal)


def _style(line: str) -> str:
    if line.startswith(("+++", "---")):
        return BOLD
    return {"+": GREEN, "-": RED, "@": DIM, "\\": DIM}.get(line[:1], "")


def _stage(stage: StagePlan, suggestion: Suggestion) -> Iterator[_Line]:
    table = rows(stage, suggestion)
    if len(suggestion.proposal.held) > 1:
        cost = f"{seconds(stage.now)} now, {seconds(stage.after)} after"
        yield from _wrapped(f"stage {visible(stage.name)}: {cost}", "", BOLD)
    yield f"{'seconds':>9} {'runs now':>9} {'after':>6} {'saves':>6}  step, in its new place", DIM
    timed = [row for row in table if row.step.seconds >= 0.01]
    yield from (_table_row(row) for row in timed if row.changes)
    if same := [row for row in timed if not row.changes]:
        left = sum(row.step.seconds * row.step.share_after for row in same)
        yield f"{'':>33}  {plural(len(same), 'other step')}: as before, {seconds(left)} per commit", DIM
    for row in by_saving(table):
        yield "", ""
        yield from _move(row)


def _table_row(row: Row) -> _Line:
    numbers = f"{row.seconds:>9} {row.now:>9} {row.after:>6} {row.saving:>6}  "
    return f"{numbers}{cut(row.text, WIDTH - len(numbers))}", ""


def _move(row: Row) -> Iterator[_Line]:
    place = "new line" if row.step.line is None else f"line {row.step.line}"
    title = f"{place}: "
    yield f"{title}{cut(row.text, WIDTH - len(title))}", BOLD
    yield from _wrapped(row.reason, "  ")
    saving = f"saves {row.saving} s per commit; " if row.step.saving >= LEAST_SHOWN else ""
    yield from _wrapped(f"{saving}safety: {row.safety}", "  ")


def _likely(likely: Proposal | None) -> Iterator[_Line]:
    if likely is None:
        return
    yield "", ""
    said = (
        f"--prove may give {seconds(likely.after)} per commit, if building shows that this does not matter:"
    )
    yield from _wrapped(said)
    for doubt in likely.doubts:
        yield from _wrapped(f"- {visible(doubt)}", "  ")


def _proof(proof: Proof, proposal: Proposal) -> Iterator[_Line]:
    equal = proof.verdict is Verdict.EQUIVALENT
    said = f"proof: {proof.verdict.value}: {visible(proof.reason)}"
    yield from _wrapped(said, "", GREEN if equal else RED)
    for difference in proof.differences[:MOST]:
        yield from _wrapped(visible(str(difference)), "  ")
    if len(proof.differences) > MOST:
        yield f"  … and {len(proof.differences) - MOST} more", ""
    if proof.noise:
        said = (
            f"not counted: {plural(len(proof.noise), 'path')} that two builds of the original don't agree on"
        )
        yield from _wrapped(said, "  ", DIM)
    if proof.unexplained:
        listed = ", ".join(map(visible, proof.unexplained[:3]))
        yield from _wrapped(f"{len(proof.unexplained)} of them can't be compared: {listed}", "  ", DIM)
    if all(proof.seconds):
        one, new, two = map(seconds, proof.seconds)
        yield f"  built cold: original {one} and {two}, new order {new}", DIM
    if proof.verdict is Verdict.DIFFERENT:
        advice = "without --prove only orders that the model vouches for are proposed"
        fault = "the model vouched for this order: please report it, unless the build is random here"
        yield from _wrapped(advice if proposal.doubts else fault, "  ")


def _why(proposal: Proposal) -> Iterator[_Line]:
    yield "", ""
    yield "What holds each instruction where it is:", BOLD
    for graph in proposal.held:
        if len(proposal.held) > 1 and graph.nodes:
            yield "", ""
            yield from _wrapped(f"stage {name_of(graph)}", "", BOLD)
        for each in held(graph):
            title = f"line {each.line}: "
            yield f"{title}{cut(each.text, WIDTH - len(title))}", ""
            if not each.holds:
                yield "    nothing above it", DIM
            for hold in each.holds:
                note = " (unless proved)" if hold.unless_proved else ""
                yield from _wrapped(f"after {hold.after}: {hold.why}{note}", "    ", DIM)
