"""A replayed history for people, as text and as Markdown. Pure: no clock, no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.explain.replay_sums import totals, worst
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastbuild.explain.replay import Replayed
    from fastbuild.explain.replay_sums import Invalidated, Totals
    from fastbuild.git.commits import Commit

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
class Sample:
    """One commit that was built for real. Hits are counted over steps whose outcome was foreseen; seconds are
    those of executed steps."""

    commit: Commit
    steps: int
    agreed: int
    undecided: int
    predicted: float
    measured: float
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """Builds of sampled commits, the first one cold. `spearman` is of the others' seconds; None: too few."""

    samples: tuple[Sample, ...]
    spearman: float | None

    @property
    def agreement(self) -> float:
        """The share of steps that did what was foreseen."""
        steps = sum(each.steps for each in self.samples)
        return sum(each.agreed for each in self.samples) / steps if steps else 1.0


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
    for column, sum_ in zip(replay.columns, sums, strict=True):
        yield from _column_text(replay, column, sum_)
    if replay.real is not None:
        yield ""
        yield from _real_text(replay.real)
    yield from ("", *replay.notes) if replay.notes else ()


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
        first = words.cut(words.one_line(each.reruns[0].root.text), 40)
        yield f"  {commit.id[:9]}  {words.seconds(each.seconds):>12}  {ran:>3} steps  {subject:<40}  {first}"
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


def _real_text(real: Real) -> Iterator[str]:
    yield "built for real      steps  as predicted   predicted    measured"
    for each in real.samples:
        told = f"{each.agreed}/{each.steps}"
        yield (
            f"  {each.commit.id[:9]}{each.steps + each.undecided:>14}{told:>14}"
            f"{words.seconds(each.predicted):>12}{words.seconds(each.measured):>12}"
        )
        yield from (f"    {words.one_line(each)}" for each in each.differences)
    rank = "too few builds" if real.spearman is None else f"{real.spearman:.2f}"
    yield f"steps as predicted: {100 * real.agreement:.1f} % · Spearman of seconds: {rank}"


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
    for name, sum_ in zip(names, sums, strict=True):
        lines += ["", f"| {name}: what starts rebuilds | times | seconds | files |", "|---|---:|---:|---|"]
        for each in sum_.invalidated[:INSTRUCTIONS]:
            files = ", ".join(f"{_cell(path)} ({count})" for path, count in each.files[:FILES])
            lines.append(f"| {_cell(each.text)} | {each.times} | {each.seconds:.1f} | {files} |")
    if replay.real is not None:
        lines += ["", "```", *_real_text(replay.real), "```"]
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
