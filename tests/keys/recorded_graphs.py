"""Recorded graphs, and the keys' plain texts that a daemon hashed; made by `tests.live.record_graphs`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "recordings"
NAMES = ("runs", "files")


@cache
def recorded(name: str) -> tuple[str, dict[str, str]]:
    """The frontend's answer, and the plain texts by the step's name."""
    found = json.loads((FOLDER / f"{name}.json").read_text())
    return found["answer"], found["plaintexts"]
