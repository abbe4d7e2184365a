"""The suggestion as Markdown, for a pull request's comment or a CI job's summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.prove import Verdict
from fastbuild.reports.findings.safe import code, markdown
from fastbuild.reports.reorder.holds import held, name_of
from fastbuild.reports.reorder.moves import by_saving, cut, rows, saved
from fastbuild.reports.words import plural, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.reorder.propose import Proposal
    from fastbuild.reorder.prove import Proof
    from fastbuild.reports.reorder.moves import Row
    from fastbuild.reports.reorder.suggestion import Suggestion

LONGEST = 80
"""Characters of an instruction in the table."""
MOST = 20
"""Paths of a proof that are listed."""
MOST_ROWS = 40
MOST_DIFF = 20_000
"""Characters of the diff: a comment on GitHub holds 65,536, and every sign of the table may take six."""
MOST_HELD = 20_000
"""Characters of what `--why` adds."""
_COMMAND = re.compile(r"^(\s*):(?=:)")


def render(suggestion: Suggestion, *, colour: bool = False, why: bool = False) -> str:
    """A heading with the saving, the moves, the diff, what the numbers rest on. `why` adds the constraints,
    folded."""
    del colour
    lines = [*_lines(suggestion), *(_why(suggestion.proposal) if why else ())]
    # what begins with :: is a command to GitHub's runner, should this be printed in a job
    return "\n".join(_COMMAND.sub(r"\1\\x3a", line) for line in lines) + "\n"


def _lines(suggestion: Suggestion) -> Iterator[str]:
    proposal = suggestion.proposal
    if proposal.stages:
        saving = f"{seconds(proposal.now)} → {seconds(proposal.after)} per commit"
        note = ", but not proved" if suggestion.refuted else ""
        yield f"### fastbuild reorder: {saving}{saved(proposal.now, proposal.after)}{note}"
        yield ""
        yield f"{code(suggestion.path)}: {_claim(suggestion)}"
        yield from _moves(suggestion)
        yield from _diff(suggestion)
    else:
        found = "without a proof" if suggestion.likely else "found"
        yield f"### fastbuild reorder: no better order of {code(suggestion.path)} {found}"
        yield ""
        yield f"Expected: {seconds(proposal.now)} per commit."
    yield ""
    yield f"<sub>{markdown(suggestion.basis())}.</sub>"
    if not proposal.exact:
        yield "<sub>There were too many orders to look at all: there may be a better one.</sub>"
    yield from _likely(suggestion.likely)


def _claim(suggestion: Suggestion) -> str:
    proof = suggestion.proof
    if proof is None:
        return "less is rebuilt with its instructions in this order; by the model, the image stays the same."
    claims = {
        Verdict.EQUIVALENT: "less is rebuilt in this order, and the image stays the same",
        Verdict.DIFFERENT: "don't use this order, it makes another image",
        Verdict.CANNOT_TELL: "less would be rebuilt in this order, but the proof tells nothing",
    }
    listed = "".join(f"\n- {markdown(str(each))}" for each in proof.differences[:MOST])
    listed = f"\n{listed}" if listed else ""
    if len(proof.differences) > MOST:
        listed += f"\n- and {len(proof.differences) - MOST} more"
    verdict = "proved by building" if suggestion.proved else proof.verdict.value
    said = f"{claims[proof.verdict]}; **{verdict}**: {markdown(proof.reason)}."
    return f"{said}{_noise(proof)}{listed}"


def _noise(proof: Proof) -> str:
    if not proof.noise:
        return ""
    return (
        f" (Not counted: {plural(len(proof.noise), 'path')} that two builds of the original don't agree on.)"
    )


def _moves(suggestion: Suggestion) -> Iterator[str]:
    table = [row for stage in suggestion.proposal.stages for row in rows(stage, suggestion)]
    wanted = by_saving(table)
    yield from ("", "| step | takes | runs now | after | saves | why | safety |")
    yield "|---|--:|--:|--:|--:|---|---|"
    yield from map(_row, wanted[:MOST_ROWS])
    if len(wanted) > MOST_ROWS:
        yield from ("", f"{len(wanted) - MOST_ROWS} more are not shown.")


def _row(row: Row) -> str:
    numbers = (f"{row.seconds} s", row.now, row.after, f"{row.saving} s")
    place = "" if row.step.line is None else f"line {row.step.line}: "
    return (
        f"| {place}{code(cut(row.text, LONGEST))} | {' | '.join(map(markdown, numbers))} "
        f"| {markdown(row.reason)} | {markdown(row.safety)} |"
    )


def _diff(suggestion: Suggestion) -> Iterator[str]:
    lines, length = [], 0
    all_lines = suggestion.diff()
    for line in all_lines:
        length += len(line) + 1
        if length > MOST_DIFF:
            break
        lines.append(line)
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from ("", f"{fence}diff", *lines, fence)
    if left := len(all_lines) - len(lines):
        yield from ("", f"{plural(left, 'line')} of the diff are not shown.")


def _likely(likely: Proposal | None) -> Iterator[str]:
    if likely is None:
        return
    yield ""
    after = seconds(likely.after)
    yield f"`--prove` may give {after} per commit, if building shows that this does not matter:"
    yield ""
    yield from (f"- {markdown(doubt)}" for doubt in likely.doubts)


def _why(proposal: Proposal) -> Iterator[str]:
    yield from ("", "<details><summary>What holds each instruction where it is</summary>", "")
    length = 0
    for graph in proposal.held:
        if len(proposal.held) > 1 and graph.nodes:
            yield from ("", f"**stage {markdown(name_of(graph))}**", "")
        for each in held(graph):
            said = [f"- line {each.line}: {code(cut(each.text, LONGEST))}"]
            for hold in each.holds:
                note = " (unless proved)" if hold.unless_proved else ""
                said.append(f"  - after {hold.after}: {markdown(hold.why)}{note}")
            length += sum(map(len, said))
            if length > MOST_HELD:
                yield from ("- … the rest is not shown", "", "</details>")
                return
            yield from said
    yield from ("", "</details>")
