"""One line of the ledger."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    customer: str
    hours: float
    cents_per_hour: int
