"""What changed in a text, in a few words."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from fastbuild.explain.reasons import code

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 100
"""Words between the first and the last that differ; with more, a text is only called changed."""
_WORD = re.compile(r"\s+|[^\s=,;&|]+|[=,;&|]+")


def word_diff(before: str, after: str) -> str:
    """`` `make` → `make -j4` ``: the words that differ, or nothing where the texts are long or alike."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    start = _shared(old, new)
    end = _shared(old[start:][::-1], new[start:][::-1])
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(left), len(right)) > MOST:
        return ""
    found = [c for c in SequenceMatcher(None, left, right, autojunk=False).get_opcodes() if c[0] != "equal"]
    if len(found) > 3:
        return f"{code(before, 60)} → {code(after, 60)}"
    return ", ".join(
        _change("".join(left[a:b]), "".join(right[c:d]), old, start + a) for _, a, b, c, d in found
    )


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words at the beginning are equal."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _change(gone: str, came: str, old: Sequence[str], place: int) -> str:
    if not gone.strip() and not came.strip():
        behind = "".join(old[:place]).strip().rpartition(" ")[2]
        return f"white space{' behind ' + code(behind, 40) if behind else ''}"
    if not gone.strip():
        return f"{code(came.strip(), 60)} added"
    if not came.strip():
        return f"{code(gone.strip(), 60)} removed"
    return f"{code(gone.strip(), 60)} → {code(came.strip(), 60)}"
