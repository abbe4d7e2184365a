"""Commits that were built for real beside what was foreseen of them, for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.git.commits import Commit

SUBJECT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One commit that was built for real. Hits are counted over steps whose outcome was foreseen; `measured`
    is the seconds of all executed steps, `perhaps` those foreseen of steps that only building tells."""

    commit: Commit
    steps: int
    agreed: int
    undecided: int
    predicted: float
    measured: float
    differences: tuple[str, ...]
    perhaps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """Builds of commits, oldest first, the first one cold. `spearman` is of the others' seconds, in tenths as
    they are shown, and None where that is not defined. `limit` is what it would be if the order of all
    seconds had been foreseen as well as commits that are foreseen to take the same allow. `notes` say
    what was not built, and why.
    """

    samples: tuple[Sample, ...]
    spearman: float | None
    limit: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def agreement(self) -> float:
        """The share of steps that did what was foreseen."""
        steps = sum(each.steps for each in self.samples)
        return sum(each.agreed for each in self.samples) / steps if steps else 1.0


def real_text(real: Real) -> Iterator[str]:
    """A table and what it comes to, line by line."""
    yield "built for real      steps  as predicted   predicted     may add    measured"
    for number, each in enumerate(real.samples):
        told = f"{each.agreed}/{each.steps}"
        perhaps = words.seconds(each.perhaps) if each.undecided else ""
        subject = words.cut(words.one_line(each.commit.subject), SUBJECT)
        yield (
            f"  {each.commit.id[:9]}{each.steps + each.undecided:>14}{told:>14}"
            f"{words.seconds(each.predicted):>12}{perhaps:>12}{words.seconds(each.measured):>12}"
            f"  {subject if number else 'the first, cold'}".rstrip()
        )
        yield from (f"    {words.one_line(each)}" for each in each.differences)
    yield from (words.one_line(note) for note in real.notes)
    yield from _sums(real)


def _sums(real: Real) -> Iterator[str]:
    rest = real.samples[1:]
    undecided = sum(each.undecided for each in real.samples)
    more = f", and {words.plural(undecided, 'step')} that only building tells" if undecided else ""
    count = sum(each.steps for each in real.samples)
    yield f"steps as predicted: {100 * real.agreement:.1f} % of {count}{more}"
    if rest:
        perhaps = sum(each.perhaps for each in rest)
        may = f" (may add {words.seconds(perhaps)})" if perhaps else ""
        predicted = words.seconds(sum(each.predicted for each in rest))
        measured = words.seconds(sum(each.measured for each in rest))
        yield f"without the cold build: predicted {predicted}{may}, measured {measured}"
    yield f"Spearman of seconds: {_rank(real)}"


def _rank(real: Real) -> str:
    if real.spearman is not None:
        most = real.limit is not None and round(real.limit, 2) < 1
        ties = f" (at most {real.limit:.2f}: some commits take the same)" if most else ""
        return f"{real.spearman:.2f}{ties}"
    rest = real.samples[1:]
    if len(rest) < 3:
        return "too few builds"
    foreseen = {round(each.predicted, 1) for each in rest}
    return f"not defined: all commits {'are foreseen to take' if len(foreseen) == 1 else 'took'} the same"
