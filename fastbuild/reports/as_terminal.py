"""A build record for people: a table of steps and one line of summary. Pure: no clock, no terminal.

Pass the results through `words.encodable` for a stream that isn't UTF-8.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import HITS, Status
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.explain.reasons import Reason
    from fastbuild.history import BuildRecord
    from fastbuild.progress.timings import Counts, OtherTiming, StepTiming

LEAST = 0.05
"""Seconds below which a number is left out of the table: it would print as 0.0."""
COLLAPSED = 4
"""Steps in a row that become one line of the table."""
NARROWEST = 16

_SAID = {
    Status.RAN: "ran",
    Status.HIT_LOCAL: "local hit",
    Status.HIT_REMOTE: "remote hit",
    Status.HIT: "hit",
    Status.SKIPPED: "skipped",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "cancelled",
    Status.NOT_REACHED: "not reached",
    Status.SOURCE: "source",
    Status.UNKNOWN: "unknown",
}
_COLOURS = {
    Status.RAN: "33",
    Status.HIT_LOCAL: "32",
    Status.HIT_REMOTE: "32",
    Status.HIT: "32",
    Status.SKIPPED: "2",
    Status.FAILED: "1;31",
    Status.CANCELLED: "31",
    Status.NOT_REACHED: "2",
}
_TOGETHER = {
    Status.SKIPPED: "skipped: not needed, a later step was found in the cache",
    Status.NOT_REACHED: "not reached",
}
_OWN_LINE = frozenset(
    {StepKind.CACHE_IMPORT, StepKind.CACHE_EXPORT, StepKind.EXPORT, StepKind.PUSH, StepKind.LOAD}
)
_HEAD = ("total", "execute", "download", "unpack", "transfer")
_RESULT = 11
_NUMBER = 8


def step_table(record: BuildRecord, width: int, colour: bool) -> str:
    """One row per step, in seconds, then rows for context, cache, export and push; no trailing newline.

    `width` is the terminal's, in columns; instructions are cut to fit. Rows of steps that were
    skipped or not reached are put together when there are many. Columns without any number are left out.
    """
    shown = [step for step in record.timing.steps if step.index or step.seconds >= LEAST]
    others = [o for o in record.timing.others if o.kind in _OWN_LINE or o.seconds >= LEAST or o.error]
    used = [i for i in range(len(_HEAD)) if i == 0 or any(_numbers(s)[i] >= LEAST for s in shown)]
    room = max(width - 6 - _RESULT - 2 - len(used) * (_NUMBER + 1), NARROWEST)
    rows = [_row("line", "step", room, "result", [f"{_HEAD[i]:>{_NUMBER}}" for i in used])]
    for status, group in groupby(shown, key=lambda step: step.status):
        steps = list(group)
        if status in _TOGETHER and len(steps) >= COLLAPSED:
            text = f"      {words.plural(len(steps), 'step')} {_TOGETHER[status]}"
            rows.append(_coloured(words.cut(text, max(width, NARROWEST)), status, colour))
            continue
        rows += [_coloured(_step_row(step, room, used), status, colour) for step in steps]
    for other in others:
        numbers = [_cell(other.seconds)] + [" " * _NUMBER] * (len(used) - 1)
        row = _row("", _other_name(other), room, "error" if other.error else "", numbers)
        rows.append(_coloured(row, Status.FAILED, colour) if other.error else row)
    return "\n".join(rows)


def _step_row(step: StepTiming, room: int, used: list[int]) -> str:
    name = words.one_line(step.instruction)
    if step.platform:
        name = f"{step.platform} {name}"
    numbers = [_cell(_numbers(step)[i]) for i in used]
    return _row(str(step.line or ""), name, room, _SAID[step.status], numbers)


def _row(line: str, name: str, room: int, result: str, numbers: list[str]) -> str:
    row = f"{line:>4}  {words.cut(name, room):<{room}}  {result:<{_RESULT}}"
    return f"{row} {' '.join(numbers)}".rstrip()


def _numbers(step: StepTiming) -> tuple[float, ...]:
    return (step.seconds, step.execute, step.download, step.unpack, step.transfer)


def _cell(value: float) -> str:
    return f"{value:>{_NUMBER}.1f}" if value >= LEAST else " " * _NUMBER


def _other_name(other: OtherTiming) -> str:
    name = words.one_line(other.name)
    return f"{name} ({words.size(other.bytes)})" if other.bytes else name


def _coloured(text: str, status: Status, colour: bool) -> str:
    code = _COLOURS.get(status)
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


def reason_lines(reasons: Sequence[Reason], width: int) -> str:
    """Why steps ran: a line for each, one for several in a row that ran for the same reason."""
    rows = []
    for sentence, group in groupby(reasons, key=lambda reason: reason.sentence):
        lines = [reason.line for reason in group]
        first, last = lines[0], lines[-1]
        where = "" if first is None else f"line {first}: " if first == last else f"lines {first}-{last}: "
        rows.append(words.cut(f"why  {where}{words.one_line(sentence)}", max(width, NARROWEST)))
    return "\n".join(rows)


def summary_line(record: BuildRecord) -> str:
    """What happened, in one line: time, steps that ran, hits, cache traffic, the slowest step."""
    return " · ".join(_parts(record))


def _parts(record: BuildRecord) -> Iterator[str]:
    if record.skipped:
        yield f"skipped after {words.seconds(record.seconds)}"
        yield record.skipped
        return
    head = {"ok": "built in", "failed": "failed after", "cancelled": "cancelled after"}
    there = record.image_seconds if record.result == "ok" and record.image_seconds else record.seconds
    yield f"{head.get(record.result, record.result)} {words.seconds(there)}"
    steps = record.timing.steps
    counts = record.timing.counts()
    if counts.steps:
        ran = [s for s in steps if s.status in (Status.RAN, Status.FAILED, Status.CANCELLED)]
        spent = f" ({words.seconds(sum(s.execute for s in ran))})" if ran else ""
        yield f"{len(ran)} of {words.plural(counts.steps, 'step')} ran{spent}"
    if cached := ", ".join(_cached(counts)):
        yield cached
    yield from _cache(record)
    slowest = max(steps, key=lambda step: step.execute, default=None)
    if slowest and slowest.execute >= LEAST:
        where = f"line {slowest.line} " if slowest.line else ""
        text = words.cut(words.one_line(slowest.instruction), 40)
        yield f"slowest: {where}{text} {words.seconds(slowest.execute)}"


def _cached(counts: Counts) -> Iterator[str]:
    for count, noun in (
        (counts.hit_remote, "remote hit"),
        (counts.hit_local, "local hit"),
        (counts.hit, "hit"),
    ):
        if count:
            yield words.plural(count, noun)
    if counts.skipped:
        yield f"{counts.skipped} skipped"
    if counts.not_reached:
        yield f"{counts.not_reached} not reached"


def _cache(record: BuildRecord) -> Iterator[str]:
    """What the engine reported about each side; BuildKit doesn't count the bytes it writes."""
    said: dict[str, list[str]] = {label: [] for label in record.cache_read}
    if said:
        said[next(reversed(said))].append(_read(record))
    if record.cache_written and (written := _written(record)):
        said.setdefault(record.cache_written[-1], []).append(written)
    silent = [label for label, parts in said.items() if not parts]
    for label, parts in said.items():
        if parts:
            yield f"cache {', '.join((*silent, label))} {', '.join(parts)}"
            silent = []


def _written(record: BuildRecord) -> str:
    lines = [o for o in record.timing.others if o.kind is StepKind.CACHE_EXPORT]
    result = record.export.result if record.export else ""
    if result == "pending":
        return "being written in the background"
    if result == "skipped":
        return "up to date, not written again"
    if result == "failed" or any(o.error for o in lines):
        return "could not be written"
    if record.export is not None and record.export.how == "wait" and result:
        return f"written after it in {words.seconds(record.export.seconds)}"
    return f"written in {words.seconds(sum(o.seconds for o in lines))}" if lines else ""


def _read(record: BuildRecord) -> str:
    errors = [bool(o.error) for o in record.timing.others if o.kind is StepKind.CACHE_IMPORT]
    if errors and all(errors):
        return "could not be read"
    received = sum(step.bytes_downloaded for step in record.timing.steps if step.status in HITS)
    if received:
        return f"gave {words.size(received)}"
    return "gave hits without any bytes" if record.timing.counts().hit_remote else "gave nothing"
