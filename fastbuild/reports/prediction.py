"""A prediction for people and as JSON. Pure: no clock, no terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.keys.match import Verdict
from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.pipeline.foresee import ForeseenStep

VERSION = 1
_SAID = {Verdict.HIT: "hit", Verdict.MISS: "miss", Verdict.MAYBE: "maybe", Verdict.SOURCE: "source"}
_COLOURS = {Verdict.HIT: "32", Verdict.MISS: "33", Verdict.MAYBE: "36"}
_ROOM = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is shown: the steps, each one's expected seconds (None: never measured), and how good it is.

    `word` is `prediction`, or `estimate` where this engine's version has been predicted wrong before.
    """

    steps: tuple[ForeseenStep, ...]
    seconds: tuple[float | None, ...]
    problems: tuple[str, ...]
    engine: str
    engine_version: str
    word: str

    @property
    def counted(self) -> list[tuple[ForeseenStep, float | None]]:
        """Steps that can hit or miss, with their seconds."""
        pairs = zip(self.steps, self.seconds, strict=True)
        return [(step, seconds) for step, seconds in pairs if not step.is_source]

    @property
    def all_hit(self) -> bool:
        """Whether no step would be executed."""
        return all(step.verdict is Verdict.HIT or not step.needed for step, _ in self.counted)

    @property
    def to_run(self) -> list[tuple[ForeseenStep, float | None]]:
        """Steps that would be, or may be, executed."""
        return [(s, t) for s, t in self.counted if s.needed and s.verdict is not Verdict.HIT]

    @property
    def fetched(self) -> int:
        """Bytes that would be fetched: layers below the first steps that run, each once."""
        return sum(dict(layer for step, _ in self.counted if step.needed for layer in step.fetch).values())


def render_text(prediction: Prediction, width: int, colour: bool) -> str:
    """One row per step and a summary line; no trailing newline."""
    room = max(width - 4 - 2 - 2 - 8 - _ROOM - 10 - 9, 20)
    rows = [f"{'line':>4}  {'step':<{room}}  {'result':<8}{'from':<{_ROOM}}{'fetch':>10}{'seconds':>9}"]
    for step, seconds in zip(prediction.steps, prediction.seconds, strict=True):
        rows.append(_row(step, seconds, room, colour=colour))
    return "\n".join([*rows, *prediction.problems, summary(prediction)])


def _row(step: ForeseenStep, seconds: float | None, room: int, *, colour: bool) -> str:
    text = words.one_line(step.name.instruction)
    if step.name.platform:
        text = f"{step.name.platform} {text}"
    said = _SAID[step.verdict] if step.needed or step.is_source else "skipped"
    runs = step.needed and step.verdict in (Verdict.MISS, Verdict.MAYBE)
    spent = "" if not runs else "?" if seconds is None else f"{seconds:.1f}"
    fetch = words.size(sum(size for _, size in step.fetch)) if step.fetch and step.needed else ""
    where = words.cut(", ".join(step.caches) if said != "skipped" else "", _ROOM - 2)
    row = f"{step.line or '':>4}  {words.cut(text, room):<{room}}  {said:<8}"
    row = f"{row}{where:<{_ROOM}}{fetch:>10}{spent:>9}"
    code = _COLOURS.get(step.verdict) if said != "skipped" else "2"
    return f"\x1b[{code}m{row.rstrip()}\x1b[0m" if colour and code else row.rstrip()


def summary(prediction: Prediction) -> str:
    """One line: how many steps would be found, what is fetched, and how long the rest takes."""
    return f"{prediction.word}: " + " · ".join(_parts(prediction))


def _parts(prediction: Prediction) -> Iterator[str]:
    counted, to_run = prediction.counted, prediction.to_run
    maybe = sum(step.verdict is Verdict.MAYBE for step, _ in to_run)
    yield f"{len(to_run) - maybe} of {words.plural(len(counted), 'step')} would run"
    if maybe:
        yield f"{maybe} more may run"
    if prediction.fetched:
        yield f"{words.size(prediction.fetched)} to fetch"
    known = [seconds for _, seconds in to_run if seconds is not None]
    if to_run:
        unknown = len(to_run) - len(known)
        rest = f", {unknown} never measured" if unknown else ""
        yield f"about {words.seconds(sum(known))}{rest}" if known else "never measured"


def to_json(prediction: Prediction) -> dict[str, Any]:
    """The documented form; see docs/reference/prediction.md."""
    return {
        "version": VERSION,
        "word": prediction.word,
        "engine": prediction.engine,
        "engine_version": prediction.engine_version,
        "all_hit": prediction.all_hit,
        "bytes": prediction.fetched,
        "problems": list(prediction.problems),
        "steps": [_step_json(s, t) for s, t in zip(prediction.steps, prediction.seconds, strict=True)],
    }


def _step_json(step: ForeseenStep, seconds: float | None) -> dict[str, Any]:
    return {
        "line": step.line,
        "instruction": step.name.instruction,
        "stage": step.name.stage,
        "platform": step.name.platform,
        "verdict": str(step.verdict),
        "needed": step.needed,
        "caches": list(step.caches),
        "bytes": sum(size for _, size in step.fetch),
        "seconds": seconds,
        "reason": step.reason,
    }
