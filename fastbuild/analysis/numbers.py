"""How numbers are said in findings."""

from __future__ import annotations


def size_text(size: int) -> str:
    """Bytes for people, decimal units: 1.2 MB."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
