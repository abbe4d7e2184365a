"""What a project promises of its builds: cache contracts and budgets, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLASSES = ("code", "dependency", "docs")
"""Classes of changes that have a budget."""
EVERYTHING = "*"
"""In `must_not_rerun`: every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Changing these files or build arguments must not run these steps again.

    `change` are patterns as in an ignore file, of paths in the build context, and `changes` is the test that
    they make; `must_not_rerun` are parts of instructions. `allow_maybe`: a step of which only building can
    tell whether it runs again keeps the contract.
    """

    name: str
    change: tuple[str, ...] = ()
    change_args: tuple[str, ...] = ()
    must_not_rerun: tuple[str, ...]
    allow_maybe: bool = False
    changes: Callable[[str], bool] = field(repr=False, compare=False)

    def concerns(self, pattern: str, *texts: str) -> bool:
        """Whether one of `must_not_rerun` names an instruction that is written as one of `texts`."""
        wanted = " ".join(pattern.split())
        return wanted == EVERYTHING or any(wanted in " ".join(text.split()) for text in texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits. `changes` in seconds, by class; `min_hit_rate` and `slower_than_median` are shares.

    The last two look at recorded builds: at most `builds` of them, those of `branch` for the median.
    """

    changes: Mapping[str, float] = field(default_factory=dict)
    min_hit_rate: float | None = None
    slower_than_median: float | None = None
    branch: str = "main"
    builds: int = 20

    @property
    def asks_history(self) -> bool:
        """Whether recorded builds decide any of it."""
        return self.min_hit_rate is not None or self.slower_than_median is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """All of it, and the file where it is written. `classes`: which files a class of changes means, where
    that is given."""

    source: str
    contracts: tuple[Contract, ...] = ()
    budget: Budget = Budget()
    classes: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)

    @property
    def asks_graph(self) -> bool:
        """Whether the build graph decides any of it."""
        return bool(self.contracts or self.budget.changes)

    def __bool__(self) -> bool:
        return self.asks_graph or self.budget.asks_history
