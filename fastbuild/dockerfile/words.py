"""One joined line of a Dockerfile → keyword, flags, words.

A translation of frontend/dockerfile/parser/{split_command,line_parsers}.go of BuildKit v0.34.1 (Apache-2.0).
Go's notions of a blank and of JSON are kept, not Python's.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from fastbuild.dockerfile.lexer import BLANK, go_quoted
from fastbuild.dockerfile.syntax import Fault

FOREIGN = re.compile("[\ud800-\udfff]")
"""Bytes that are no UTF-8, as `decode` keeps them."""
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_BLANKS = re.compile(f"[{BLANK}]+")
_GAP = re.compile(r"[\t\v\f\r ]+")
_FLAG_OR_BLANK = "-\udc85\udca0"
"""What to look closer at: the last two are the bytes, no UTF-8 by themselves, that Go takes for blanks."""
_SIMPLE_FLAG = re.compile(r"[^\s\"'\\`\x80-\xff]+(?=[ \t]|\Z)")
_SPECIAL = re.compile("[\"'\\\\`]")

LIST, SHELL, TEXT, WORDS, PAIRS, NAMES = "list", "shell", "text", "words", "pairs", "names"
FORMS = {
    **dict.fromkeys(("ADD", "COPY", "VOLUME"), LIST),
    **dict.fromkeys(("CMD", "ENTRYPOINT", "RUN", "SHELL"), SHELL),
    **dict.fromkeys(("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"), TEXT),
    **dict.fromkeys(("EXPOSE", "FROM"), WORDS),
    **dict.fromkeys(("ENV", "LABEL"), PAIRS),
    "ARG": NAMES,
    "HEALTHCHECK": "health",
    "ONBUILD": "onbuild",
}
"""Every instruction, and how its words are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One instruction as read. `keyword` is in capitals if it is known, else as written.

    `words` of ENV and LABEL are names and values in turn. `text` is the joined line.
    """

    keyword: str
    text: str
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    json: bool = False
    trigger: Line | None = None

    @property
    def takes_heredocs(self) -> bool:
        """Whether `<<` means something here."""
        inner = self.trigger if self.keyword == "ONBUILD" and self.trigger else self
        return inner.keyword in ("ADD", "COPY", "RUN") and not inner.json


def read_line(text: str, escape: str, *, depth: int = 0) -> Line:
    """Read a joined line. Raises Fault."""
    parts = _GAP.split(text.strip(BLANK), maxsplit=1)
    flags, rest = _flags(parts[1], escape) if len(parts) == 2 else ((), "")
    rest = rest.strip(BLANK)
    keyword = _keyword(parts[0])
    form = FORMS.get(keyword, "")
    if form == "onbuild":
        # BuildKit refuses chains of ONBUILD later, whatever the third says
        trigger = read_line(rest, escape, depth=depth + 1) if rest and depth < 2 else None
        return Line(keyword=keyword, text=text, flags=flags, trigger=trigger)
    words, is_json = _words(keyword, form, rest, escape) if rest else ((), False)
    return Line(keyword=keyword, text=text, flags=flags, words=words, json=is_json)


@lru_cache(maxsize=256)
def _keyword(word: str) -> str:
    upper = word.replace("\u0130", "i").lower().upper()  # Go's lower case of U+0130 is a plain i
    known = upper in FORMS and (word.isascii() or not set("\u0131\u017f") & set(word))
    return upper if known else word


def _words(keyword: str, form: str, rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    if form in (LIST, SHELL):
        found = json_words(rest)
        if found is not None:
            return found, True
        return (tuple(_GAP.split(rest)) if form == LIST else (rest,)), False
    if form == WORDS:
        return tuple(_GAP.split(rest)), False
    if form == NAMES:
        return tuple(split_words(rest, escape)), False
    if form == PAIRS:
        return _pairs(keyword, rest, escape), False
    if form == "health":
        return _health(rest)
    return ((rest,) if form == TEXT else ()), False


def _health(rest: str) -> tuple[tuple[str, ...], bool]:
    raw = _bytewise(rest)
    kind = _BLANKS.split(raw, maxsplit=1)
    if not kind[0]:
        return (), False
    command = _textwise(kind[1]) if len(kind) == 2 else ""
    found = json_words(command) if command else None
    if found is not None:
        return (_textwise(kind[0]), *found), True
    return (_textwise(kind[0]), *([command] if command else [])), False


def utf8(text: str) -> bytes:
    """The bytes that `decode` made `text` from; surrogates that stand for no byte become question marks."""
    return _NO_BYTE.sub("?", text).encode("utf-8", "surrogateescape")


def _bytewise(text: str) -> str:
    """`text` with each byte as one character, as Go's loops over bytes see it."""
    return text if text.isascii() else utf8(text).decode("latin-1")


def _textwise(raw: str) -> str:
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "surrogateescape")


def _flags(line: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The `--words` at the start, quotes and escapes gone, and what follows them."""
    if line[:1] not in _FLAG_OR_BLANK:
        return (), line
    raw = _bytewise(line)
    found: list[str] = []
    position = 0
    while True:
        while position < len(raw) and raw[position] in BLANK:
            position += 1
        if not raw.startswith("--", position):
            return tuple(found), _textwise(raw[position:])
        word, quoted, position = _flag(raw, position, escape)
        if word == "--":
            return tuple(found), _textwise(raw[position:])
        if word or quoted:
            found.append(word)


def _flag(raw: str, position: int, escape: str) -> tuple[str, bool, int]:
    """One flag from `position`: its text, whether something was quoted, and where it ends."""
    if simple := _SIMPLE_FLAG.match(raw, position):
        return simple[0], False, simple.end()
    found: list[str] = []
    quote, quoted = "", False
    while position < len(raw):
        char = raw[position]
        if not quote and char in BLANK:
            break
        if quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, quoted = char, True
        elif char != escape:
            found.append(char)
        elif position + 1 < len(raw):
            position += 1
            found.append(raw[position])
        else:
            quote = ""
        position += 1
    return "".join(found), quoted, position


def split_words(rest: str, escape: str) -> list[str]:
    """Words between blanks, quotes and escapes kept (`parseWords`)."""
    rest = rest if rest.isascii() else FOREIGN.sub("\ufffd", rest)
    if not _SPECIAL.search(rest):
        return [word for word in _BLANKS.split(rest) if word]
    words: list[str] = []
    position = 0
    while position < len(rest):
        if rest[position] in BLANK:
            position += 1
            continue
        word, position = _word(rest, position, escape)
        words += [word] if word else []
    return words


def _word(rest: str, position: int, escape: str) -> tuple[str, int]:
    start, quote = position, ""
    while position < len(rest):
        char = rest[position]
        if not quote and char in BLANK:
            break
        if char == escape and quote != "'":
            if position + 1 == len(rest):  # an escape at the very end is dropped
                return rest[start:position], len(rest)
            position += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        position += 1
    return rest[start:position], position


def _pairs(keyword: str, rest: str, escape: str) -> tuple[str, ...]:
    words = split_words(rest, escape)
    if words and "=" not in words[0]:
        parts = _GAP.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise Fault(f"{keyword} must have two arguments", fix=f"write {keyword} name=value")
        return tuple(parts)
    found: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Fault(
                f"Syntax error - can't find = in {go_quoted(word)}. Must be of the form: name=value",
                cause="a value with blanks is not quoted",
                fix=f'write {keyword} name="a value with blanks"',
            )
        found += [name, value]
    return tuple(found)


def json_words(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None if it is none. Raises Fault for an array of other things."""
    text = text.lstrip(BLANK)
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in found):
        raise Fault(
            "when using JSON array syntax, arrays must be comprised of strings only",
            fix='put every element in double quotes: ["a", "1"]',
        )
    return tuple(FOREIGN.sub("\ufffd", item) for item in found)


def _number(text: str) -> float:
    """Go refuses numbers beyond a double."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _no_number(text: str) -> float:
    raise ValueError(text)
