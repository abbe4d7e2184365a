"""Choosing pairs of family and mutation, running them, and summing up what came of it."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.live.predictions.engines import Engines
from tests.live.predictions.families import FAMILIES
from tests.live.predictions.mutations import MUTATIONS
from tests.live.predictions.pairs import Bench, Outcome, run_family
from tests.live.predictions.project import world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.lab.lab import Lab

AT_ONCE = 2
"""Families at the same time. Each uses two engines."""

Plan = dict[str, list[str]]
"""Family → mutations, in the order of their builds."""


def sample(seed: int, families: int) -> Plan:
    """Some families, each with all mutations in an order of its own: the same ones for the same seed."""
    dice = random.Random(seed)
    names = dice.sample(list(FAMILIES), families)
    return {name: dice.sample(list(MUTATIONS), len(MUTATIONS)) for name in names}


def run(
    lab: Lab, folder: Path, plan: Plan, *, at_once: int = AT_ONCE, each: int | None = None
) -> Iterator[tuple[str, list[Outcome] | str]]:
    """Per family its outcomes when it is through, or why it is not.

    `each` ends a family after so many mutations that make sense.
    """
    with world(lab, folder) as places:
        engines = Engines(lab, at_once)
        bench = Bench(lab=lab, world=places, engines=engines, folder=folder)
        try:
            with ThreadPoolExecutor(at_once) as pool:
                running = {name: pool.submit(run_family, bench, name, plan[name], each) for name in plan}
                for name, future in running.items():
                    error = future.exception()
                    yield name, f"{name}: {error!r}" if error else future.result()
        finally:
            engines.close()


def complaints(outcomes: Sequence[Outcome]) -> list[str]:
    """Whatever was not as foretold, and pairs in which nothing was compared."""
    found = [f"{o.where}: {what}" for o in outcomes for what in o.wrong]
    found += [
        f"{o.where}: the build failed: {o.error}" for o in outcomes if o.error and not (o.right or o.refused)
    ]
    return found + [f"{o.where}: nothing was compared" for o in outcomes if _empty(o)]


def _empty(outcome: Outcome) -> bool:
    return not (outcome.right or outcome.maybes or outcome.refused or outcome.error or outcome.wrong)


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Counts over outcomes: pairs are families under mutations, each predicted for two engines."""

    families: int
    mutations: int
    pairs: int
    predictions: int
    steps: int
    right: int
    hits: int
    misses: int
    maybes: Mapping[str, int]
    refused: Mapping[str, int]
    failed: int
    wrong: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def sum_of(outcomes: Sequence[Outcome]) -> Sum:
    def count(of: Callable[[Outcome], int]) -> int:
        return sum(of(outcome) for outcome in outcomes)

    return Sum(
        families=len({o.family for o in outcomes}),
        mutations=len({o.mutation for o in outcomes}),
        pairs=len({(o.family, o.mutation) for o in outcomes}),
        predictions=len(outcomes),
        steps=count(lambda o: o.hits + o.misses + len(o.maybes)),
        right=count(lambda o: o.right),
        hits=count(lambda o: o.hits),
        misses=count(lambda o: o.misses),
        maybes=dict(Counter(str(reason) for o in outcomes for reason in o.maybes)),
        refused=dict(Counter(o.refused for o in outcomes if o.refused)),
        failed=count(lambda o: bool(o.error)),
        wrong=count(lambda o: len(o.wrong)),
    )
