"""Which heredocs a joined line opens.

Source: `heredocsFromLine` of frontend/dockerfile/parser/parser.go, BuildKit v0.34.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import BLANK, Lexer
from fastbuild.dockerfile.syntax import Fault
from fastbuild.errors import DockerfileSyntax

if TYPE_CHECKING:
    from fastbuild.dockerfile.lexer import Piece

_BLANK = frozenset(BLANK)
_MARKER = re.compile(r"[0-9]*<<(-?)[\t\n\f\r ]*([^<]*)")


@dataclass(frozen=True, slots=True)
class Marker:
    """`<<NAME`: `expand` is False for a quoted name, `chomp` True for `<<-`."""

    name: str
    expand: bool
    chomp: bool


def markers(line: str) -> tuple[Marker, ...]:
    """The heredocs of a joined line in order; none if a quote or a brace in it isn't closed. Raises Fault."""
    if "<<" not in line:
        return ()
    try:
        words = _words(line, quotes=True, escapes=True)
    except (DockerfileSyntax, RecursionError):
        return ()
    found = (marker(word) for word in words)
    return tuple(each for each in found if each)


def marker(word: str) -> Marker | None:
    """What `<<NAME` names, None if the word is none. Raises Fault."""
    match = _MARKER.fullmatch(word)
    if not match or not match[2]:
        return None
    try:
        names = _words(match[2], quotes=False, escapes=False)
        quoted = _words(match[2], quotes=True, escapes=False)
    except DockerfileSyntax as error:
        raise Fault(str(error), fix="close the quote or the brace") from error
    if len(names) != 1:
        return None
    if len(quoted) != 1:
        raise Fault(f"internal lexing of heredoc produced inconsistent results: {match[2]}")
    return Marker(names[0], expand=_marks(names[0]) == _marks(quoted[0]), chomp=bool(match[1]))


def _words(text: str, *, quotes: bool, escapes: bool) -> tuple[str, ...]:
    """The words of `text`; quotes and escapes stay where asked for, and no variable has a value."""
    lexer = Lexer(text, {}, "\\", "raw")
    lexer.keep_quotes, lexer.raw = quotes, escapes
    lexer.run()
    return split(lexer.pieces)


def split(pieces: list[Piece]) -> tuple[str, ...]:
    """The words of an expanded text: parted at blanks outside quotes.

    What stands before a `${V:-word}` in the same word is lost, as in BuildKit.
    """
    words: list[str] = []
    word, inside = "", False
    for piece in pieces:
        if piece.restart:
            word = ""
        if piece.quoted:
            word, inside = word + piece.text, True
            continue
        for character in piece.text:
            if character not in _BLANK:
                word, inside = word + character, True
            elif inside and word:
                words.append(word)
                word, inside = "", False
    return (*words, word) if word else tuple(words)


def _marks(text: str) -> int:
    return text.count("'") + text.count('"')
