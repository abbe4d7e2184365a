"""A new order applied to the text: comments go with their instruction, all other bytes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.dockerfile.model import Instruction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.dockerfile.model import Dockerfile


def with_lines(dockerfile: Dockerfile, lines: Mapping[int, Sequence[str]]) -> str:
    """The text with new lines before the instructions whose index is given (before their comments too)."""
    newline = line_ending(dockerfile.source)
    parts = []
    for piece in dockerfile.pieces:
        if isinstance(piece, Instruction):
            parts += [line + newline for line in lines.get(piece.index, ())]
            parts.append(piece.comment + piece.source)
        else:
            parts.append(piece)
    return "".join(parts)


def reordered(dockerfile: Dockerfile, order: Sequence[int]) -> str:
    """The text with some instructions in another order.

    `order` holds the indices of instructions, each once, as they shall follow one another; they take the
    places that
    these same instructions have now. Blank lines and comments before an instruction go with it.
    """
    newline = line_ending(dockerfile.source)
    places = iter(order)
    moved = set(order)
    blocks = _blocks(dockerfile, newline)
    parts = []
    for piece in dockerfile.pieces:
        if isinstance(piece, Instruction):
            parts.append(blocks[next(places) if piece.index in moved else piece.index])
    tail = dockerfile.pieces[-1]
    text = "".join(parts) + (tail if isinstance(tail, str) else "")
    return text if dockerfile.source.endswith("\n") else text.removesuffix("\n").removesuffix("\r")


def _blocks(dockerfile: Dockerfile, newline: str) -> dict[int, str]:
    """Every instruction with all that stands above it, its last line ended."""
    found = {}
    above = ""
    for piece in dockerfile.pieces:
        if isinstance(piece, Instruction):
            text = above + piece.comment + piece.source
            found[piece.index] = text if text.endswith("\n") else text + newline
            above = ""
        else:
            above = piece
    return found


def line_ending(source: str) -> str:
    """The text's own line ending, by its first line."""
    end = source.find("\n")
    return "\r\n" if end > 0 and source[end - 1] == "\r" else "\n"
