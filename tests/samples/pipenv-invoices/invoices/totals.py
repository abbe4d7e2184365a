"""Sums per customer."""

from collections import Counter

from invoices.entry import Entry


def totals(entries: list[Entry]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for entry in entries:
        found[entry.customer] += round(entry.hours * entry.cents_per_hour)
    return dict(found)
