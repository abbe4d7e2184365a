"""A replayed history for people, as text and as Markdown. Pure: no clock, no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.explain.replay_sums import totals, worst
from fastbuild.reports import words
from fastbuild.reports.replay_real import real_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.explain.replay import Replayed
    from fastbuild.explain.replay_sums import Invalidated, Totals
    from fastbuild.git.commits import Commit
    from fastbuild.reports.replay_real import Real

WORST = 5
INSTRUCTIONS = 5
FILES = 3
ROOM = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One Dockerfile: what each commit would have run again."""

    name: str
    replayed: tuple[Replayed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """All that is shown. `commits` are oldest first, as in every column; `notes` are sentences."""

    ref: str
    commits: tuple[Commit, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    real: Real | None = None


def render_text(replay: Replay) -> str:
    """Tables and sentences; no trailing newline."""
    return "\n".join(_blocks(replay))


def _blocks(replay: Replay) -> Iterator[str]:
    commits = replay.commits
    span = f"{commits[0].id[:9]} … {commits[-1].id[:9]}" if commits else "none"
    yield f"replay: {words.plural(len(commits), 'commit')} of {words.one_line(replay.ref)} ({span})"
    yield ""
    sums = [totals(column.replayed) for column in replay.columns]
    names = [words.cut(words.one_line(column.name), 24) for column in replay.columns]
    widths = [max(len(name), 12) for name in names]
    rows = [("", names), *_rows(sums)]
    for label, cells in rows:
        yield f"{label:<22}" + "".join(
            f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
        )
    for place, (column, sum_) in enumerate(zip(replay.columns, sums, strict=True)):
        same = _same(replay.columns, place)
        if same:
            yield from ("", f"{words.one_line(column.name)}: the same as {words.one_line(same)}")
        else:
            yield from _column_text(replay, column, sum_)
    if replay.real is not None:
        yield ""
        yield from real_text(replay.real)
    yield from ("", *replay.notes) if replay.notes else ()


def _same(columns: Sequence[Column], place: int) -> str:
    """The name of the first column with the same reruns in all commits; empty if there is none."""
    own = columns[place].replayed
    return next((each.name for each in columns[:place] if each.replayed == own), "")


def _rows(sums: Sequence[Totals]) -> Iterator[tuple[str, list[str]]]:
    yield "rebuild, all commits", [_about(s, s.seconds) for s in sums]
    yield "mean", [_about(s, s.mean) for s in sums]
    yield "median", [_about(s, s.median) for s in sums]
    if any(s.perhaps for s in sums):
        yield "may add", [_about(s, s.perhaps) for s in sums]
    if any(s.failed for s in sums):
        yield "commits not buildable", [str(s.failed) for s in sums]


def _about(sum_: Totals, value: float) -> str:
    if not sum_.commits:
        return "-"
    return words.seconds(value) if sum_.measured else f"~{words.seconds(value)}"


def _column_text(replay: Replay, column: Column, sum_: Totals) -> Iterator[str]:
    name = words.one_line(column.name)
    dearest = worst(column.replayed, WORST)
    if dearest:
        yield ""
        yield f"{name}: the dearest commits"
    for place in dearest:
        commit, each = replay.commits[place], column.replayed[place]
        subject = words.cut(words.one_line(commit.subject), 40)
        ran = sum(rerun.certain for rerun in each.reruns)
        steps = words.plural(ran, "step")
        first = words.cut(words.one_line(each.reruns[0].root.text), 40)
        yield f"  {commit.id[:9]}  {words.seconds(each.seconds):>12}  {steps:>9}  {subject:<40}  {first}"
    if sum_.invalidated:
        yield f"{name}: what starts rebuilds"
    for cause in sum_.invalidated[:INSTRUCTIONS]:
        spent = words.seconds(cause.seconds)
        yield f"  {words.plural(cause.times, 'time'):>10}  {spent:>12}  {_blame(cause)}"
    failed = next(((c, r) for c, r in zip(replay.commits, column.replayed, strict=True) if r.problem), None)
    if failed:
        said = words.cut(words.one_line(failed[1].problem), 100)
        yield f"{name}: {sum_.failed} not buildable, the first: {failed[0].id[:9]}: {said}"


def _blame(each: Invalidated) -> str:
    text = words.cut(words.one_line(each.text), ROOM)
    files = ", ".join(f"{words.one_line(path)} ({count})" for path, count in each.files[:FILES])
    more = len(each.files) - FILES
    return f"{text}{': ' + files if files else ''}{f' and {more} more' if more > 0 else ''}"


def render_markdown(replay: Replay) -> str:
    """The same as Markdown tables; no trailing newline."""
    names = [_cell(column.name) for column in replay.columns]
    lines = [
        f"### {len(replay.commits)} commits of {_cell(replay.ref)}",
        "",
        "| |" + "".join(f" {name} |" for name in names),
        "|---|" + "---:|" * len(names),
    ]
    sums = [totals(column.replayed) for column in replay.columns]
    lines += [f"| {label} |" + "".join(f" {cell} |" for cell in cells) for label, cells in _rows(sums)]
    for place, (name, sum_) in enumerate(zip(names, sums, strict=True)):
        if same := _same(replay.columns, place):
            lines += ["", f"{name}: the same as {_cell(same)}"]
            continue
        lines += ["", f"| {name}: what starts rebuilds | times | seconds | files |", "|---|---:|---:|---|"]
        for each in sum_.invalidated[:INSTRUCTIONS]:
            files = ", ".join(f"{_cell(path)} ({count})" for path, count in each.files[:FILES])
            lines.append(f"| {_cell(each.text)} | {each.times} | {each.seconds:.1f} | {files} |")
    if replay.real is not None:
        lines += ["", "```", *real_text(replay.real), "```"]
    lines += ["", *(f"{_cell(note)}\n" for note in replay.notes)]
    return "\n".join(lines).rstrip("\n")


def _cell(text: str) -> str:
    return (
        words.one_line(text)
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("`", "\\`")
    )
