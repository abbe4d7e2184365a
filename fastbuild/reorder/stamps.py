"""A move that parts an instruction: an ENV that sets a commit among other variables, as two.

All values of an ENV are expanded before any of them is set (frontend/dockerfile/dockerfile2llb/convert.go,
`dispatch`). So the others may go first whatever they name, and the commit's may follow if it names none of
the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.dockerfile.model import Instruction
from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.rewrite import line_ending
from fastbuild.reorder.shares import is_stamped, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.dockerfile.model import Dockerfile

    Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """An ENV of the original and what it became: the instruction of the others, then that of the commit."""

    whole: Instruction
    parts: tuple[Instruction, ...]


def parted(dockerfile: Dockerfile, stage: int) -> tuple[str, tuple[Parted, ...]]:
    """The text with such instructions of a stage parted, and which those are; comments stay on top."""
    found: list[Instruction] = []
    pieces: list[str] = []
    body = {each.index for each in dockerfile.stages[stage].body}
    for piece in dockerfile.pieces:
        lines = _lines(piece, dockerfile) if isinstance(piece, Instruction) and piece.index in body else ()
        if lines and isinstance(piece, Instruction):
            found.append(piece)
            pieces.append(piece.comment + "".join(lines))
        else:
            pieces.append(piece if isinstance(piece, str) else piece.comment + piece.source)
    text = "".join(pieces)
    if not found:
        return text, ()
    new = parse(text, dockerfile.name).instructions
    places = [each.index + before for before, each in enumerate(found)]
    return text, tuple(
        Parted(whole=whole, parts=new[at : at + 2]) for whole, at in zip(found, places, strict=True)
    )


def fault(whole: Instruction, parts: Sequence[Instruction]) -> str:
    """What is wrong with `parts` in the place of `whole`; empty if nothing is."""
    if sorted(pair for part in parts for pair in part.pairs()) != sorted(whole.pairs()):
        return "other variables are set"
    first, second = ({name for name, _ in part.pairs()} for part in parts)
    if first & second or any(first & set(named(value)) for _, value in parts[1].pairs()):
        return "a value would be expanded with another one"
    return ""


def _lines(whole: Instruction, dockerfile: Dockerfile) -> tuple[str, ...]:
    """Both parts as text; empty where there is nothing to part, or it can't be done."""
    if whole.keyword != "ENV" or _has_comments(whole):
        return ()
    pairs = [(name, value or "") for name, value in whole.pairs()]
    stamped = [pair for pair in pairs if is_stamped(*pair)]
    others = [pair for pair in pairs if pair not in stamped]
    taken = {name for name, _ in others}
    clash = len({name for name, _ in pairs}) < len(pairs)
    if not (stamped and others) or clash or any(taken & set(named(value)) for _, value in stamped):
        return ()
    newline = line_ending(dockerfile.source)
    gap = f" {dockerfile.escape}{newline}    " if "\n" in whole.source.rstrip("\r\n") else " "
    last = newline if whole.source.endswith("\n") else ""
    return _text(others, gap) + newline, _text(stamped, gap) + last


def _text(pairs: Sequence[Pair], gap: str) -> str:
    return f"ENV {gap.join(f'{name}={value}' for name, value in pairs)}"


def _has_comments(whole: Instruction) -> bool:
    return any(line.lstrip().startswith("#") for line in whole.source.splitlines())
