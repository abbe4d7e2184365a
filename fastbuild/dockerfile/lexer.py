"""The reader of a Dockerfile's words: quotes, escapes and variables, character by character.

Source: frontend/dockerfile/shell/lex.go of BuildKit v0.34.1, with its quirks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from fastbuild.dockerfile.operators import chosen, replaced, trimmed
from fastbuild.errors import DockerfileSyntax

if TYPE_CHECKING:
    from collections.abc import Mapping

Quotes = Literal["process", "keep", "raw"]
"""What becomes of quotes and escapes.

`process`: words of instructions; quotes go, and nothing in single quotes is expanded. `keep`: heredoc
bodies; quotes are ordinary characters, escapes go. `raw`: the text of a RUN in the name of its step; as
`process`, but quotes, escapes and references to unset variables stay as written.
"""

BLANK = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""Go's `unicode.IsSpace`; Python's `str.strip` removes more."""
FOREIGN = "\ud800-\udfff"
"""Bytes that are no UTF-8, as `surrogateescape` keeps them; the lexer puts U+FFFD in their place."""
_FOREIGN = re.compile(f"[{FOREIGN}]")
_ASCII_NAME = re.compile(r"[A-Za-z0-9_]*")
_SPECIAL = frozenset("@*#?-$!0")
_SPACES = re.compile(r"[ \t\r]*")


class _Problem(ValueError):
    """A syntax error; the whole text is added outside."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a word: quoted parts are never split; `restart` drops what stood before in the word."""

    text: str
    quoted: bool
    restart: bool = False


class Lexer:
    """One pass over one text: `run` once, then read `used`, `unset` and `pieces`."""

    __slots__ = (
        "escape", "keep_quotes", "keep_unset", "nested", "pieces", "plain", "position", "quotes",
        "raw", "source", "text", "unset", "used", "values",
    )  # fmt: skip

    def __init__(self, text: str, values: Mapping[str, str], escape: str, quotes: Quotes) -> None:
        self.source = text
        self.text = _FOREIGN.sub("\ufffd", text)
        self.values = values
        self.escape = escape
        self.raw = self.keep_quotes = self.keep_unset = quotes == "raw"
        self.quotes = "" if quotes == "keep" else "\"'"
        self.plain = _run("$<}/" + escape + self.quotes)
        self.position = 1 if text.startswith("\ufeff") else 0
        self.used: set[str] = set()
        self.unset: set[str] = set()
        self.pieces: list[Piece] = []
        self.nested = 0

    def run(self) -> str:
        """The expanded text. Raises DockerfileSyntax."""
        try:
            return self._word("", self.raw, pattern=False)
        except ValueError as problem:
            raise DockerfileSyntax(f"failed to process {go_quoted(self.source)}: {problem}") from None
        except RecursionError:
            raise DockerfileSyntax(f"failed to process {go_quoted(self.source)}: too many braces") from None

    def _next(self) -> str:
        """The next character, empty at the end."""
        character = self.text[self.position : self.position + 1]
        self.position += len(character)
        return character

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _word(self, stop: str, raw: bool, *, pattern: bool) -> str:
        """Up to the unquoted `stop`, which is eaten, or to the end."""
        parts: list[str] = []
        self.nested += 1
        outermost = not stop
        while character := self._peek():
            if character == stop:
                self.position += 1
                return "".join(parts)
            before = self.nested
            part, is_quoted = self._part(character, raw, pattern)
            parts.append(part)
            if outermost:
                self.pieces.append(Piece(part, is_quoted, self.nested != before))
        if stop:
            raise _Problem(f"unexpected end of statement while looking for matching {stop}")
        return "".join(parts)

    def _part(self, character: str, raw: bool, pattern: bool) -> tuple[str, bool]:
        """The value of what begins here, and whether blanks in it separate no words."""
        if character == "$":
            return self._dollar(), False
        if character == "<":
            return self._less(), True
        if character in self.quotes:
            single = character == "'"
            return (self._single(pattern) if single else self._double(raw, pattern)), True
        if character == self.escape:
            self.position += 1
            return (character if raw else "") + self._next(), True
        found = self.plain.match(self.text, self.position)
        text = found[0] if found and found[0] else character
        self.position += len(text)
        return text, False

    def _less(self) -> str:
        self.position += 1
        if self._peek() != "<":
            return "<"
        self.position += 1
        found = _SPACES.match(self.text, self.position)
        spaces = found[0] if found else ""
        self.position += len(spaces)
        return "<<" + spaces

    def _single(self, pattern: bool) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            self.position = len(self.text)
            raise _Problem("unexpected end of statement while looking for matching single-quote")
        inner = self.text[self.position + 1 : end]
        self.position = end + 1
        if pattern:
            inner = inner.replace(self.escape, self.escape * 2)
        return f"'{inner}'" if self.keep_quotes else inner

    def _double(self, raw: bool, pattern: bool) -> str:
        mark = '"' if self.keep_quotes else ""
        parts = [mark]
        self.position += 1
        while character := self._peek():
            if character == "$":
                parts.append(self._dollar())
                continue
            self.position += 1
            if character == '"':
                return "".join(parts) + mark
            if character != self.escape:
                parts.append(character)
                continue
            following = self._peek()
            if following and following in ('"', "$", self.escape):
                self.position += 1
                parts.append((character if raw else "") + following)
            elif following:
                parts.append(character * (2 if raw and (pattern or not self.keep_quotes) else 1))
        raise _Problem("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        self.position += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            return (f"${name}" if self.keep_unset else "") if value is None else value
        self.position += 1
        if not self._peek():
            raise _Problem("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise _Problem("syntax error: bad substitution")
        return self._braces(self._name())

    def _braces(self, name: str) -> str:
        """The rest of `${name…}`."""
        mark = self._next()
        if mark == "}":
            value = self._value(name)
            return (f"${{{name}}}" if self.keep_unset else "") if value is None else value
        if mark == "/":
            return self._replace(name)
        colon = mark == ":"
        sign = (self._next() or "\ufffd") if colon else mark
        shown = (":" + sign) if colon else (sign or "\ufffd")
        trims = sign in ("#", "%")
        if not (colon or sign in ("+", "-", "?", "#", "%")):
            raise _Problem(f"unsupported modifier ({shown}) in substitution")
        if colon and trims:
            raise _Problem(f"unsupported modifier ({shown}) in substitution")
        word = self._inner("}", "syntax error: missing '}'", trims, pattern=trims)
        value = self._value(name)
        if value is None and self.keep_unset:
            return f"${{{name}{shown}{word}}}"
        if trims:
            return trimmed(value or "", sign, word)
        return chosen(name, value, sign, word, empty_counts=not colon)

    def _replace(self, name: str) -> str:
        everywhere = self._peek() == "/"
        self.position += everywhere
        pattern = self._inner("/", "syntax error: missing '/' in ${}", True, pattern=True)
        replacement = self._inner("}", "syntax error: missing '}'", True, pattern=False)
        value = self._value(name)
        if value is None and self.keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        return replaced(value or "", pattern, replacement, everywhere=everywhere)

    def _inner(self, stop: str, missing: str, raw: bool, *, pattern: bool) -> str:
        """A word inside braces; at the text's end every error is the missing brace."""
        try:
            return self._word(stop, raw, pattern=pattern)
        except ValueError as problem:
            raise _Problem(problem if self._peek() else missing) from None

    def _name(self) -> str:
        first = self._peek()
        if first and first.isdecimal():
            end = self.position
            while self.text[end : end + 1].isdecimal():
                end += 1
        elif first and first in _SPECIAL:
            end = self.position + 1
        else:
            found = _ASCII_NAME.match(self.text, self.position)
            end = found.end() if found else self.position
            while (c := self.text[end : end + 1]) and (c.isalpha() or c.isdecimal() or c == "_"):
                end += 1
        name = self.text[self.position : end]
        self.position = end
        return name

    def _value(self, name: str) -> str | None:
        self.used.add(name)
        value = self.values.get(name)
        if value is None:
            self.unset.add(name)
        return value


@lru_cache(maxsize=16)
def _run(stops: str) -> re.Pattern[str]:
    return re.compile(f"[^{re.escape(stops)}]*", re.DOTALL)


def go_quoted(text: str) -> str:
    """Go's `%q`, in which BuildKit shows the text that has the error."""
    short = {'"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r"}
    short |= {"\t": "\\t", "\v": "\\v"}
    return '"' + "".join(short.get(c) or (c if c.isprintable() else _coded(c)) for c in text) + '"'


def _coded(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    elif code >= 0x80:
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return f"\\x{code:02x}"
