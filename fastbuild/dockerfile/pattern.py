"""One pattern of an ignore file as a test of a path, with the meaning that BuildKit gives it.

Source: moby/patternmatcher v0.6.1 (`Pattern.compile`, `Pattern.match`), Go's path/filepath `Match` for
what is malformed, and Go's regexp/syntax, into which patterns are turned there. Three things follow from
that detour and are kept: a backslash before a letter is a class (`\\d` is any digit), `{`, `|` and `}` are
not escaped (`*.{js,ts}` has no alternatives, but `*|x` has two), and `[!a]` is no negation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN = re.compile(r"\*\*/?|\*|\?|\\(?:.|$)|[.+()$\[\]]|[^*?\\.+()$\[\]]+", re.DOTALL)
"""Pieces that become something else in the expression, and runs of those that don't."""
_CHUNK = re.compile(
    r"\**((?:\\(?:.|$)|\[(?:\\(?:.|$)|[^\]\\])*\]?|[^*\\\[])*)",
    re.DOTALL,
)
_RANGE = r"(?:\\.|[^\\\-\]])"
_WELL_FORMED = re.compile(rf"(?:\\.|\[\^?+(?:{_RANGE}(?:-{_RANGE})?)+\]|[^\\\[])*", re.DOTALL)

_GO = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)"
    r"|\\(?P<perl>[dDsSwW])|\\(?P<border>[AbBz])|(?P<escape>\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}"
    r"|\\0[0-7]{0,2}|\\[1-7][0-7]{1,2}|\\[^0-9A-Za-z\x80-\U0010ffff]|\\[afnrtv])"
    r"|(?P<bad>\\)|(?P<open>\[)|(?P<end>\$)|(?P<kept>\{[0-9]+(?:,[0-9]*)?\}|\(\.\*/\)\?|\.\*|\^|\||\*|\?)"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_GO_CLASS = re.compile(
    r"(?P<posix>\[:(?P<name>[^:]*):\])|\\(?P<perl>[dDsSwW])|(?P<low>\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}"
    r"|\\0[0-7]{0,2}|\\[1-7][0-7]{1,2}|\\[^0-9A-Za-z\x80-\U0010ffff]|\\[afnrtv]|[^\\])",
    re.DOTALL,
)
_PERL = {
    "d": "0-9",
    "D": "\\x00-/:-\\U0010ffff",
    "s": "\\t\\n\\f\\r\\ ",
    "S": "\\x00-\\x08\\x0b\\x0e-\\x1f!-\\U0010ffff",
    "w": "0-9A-Za-z_",
    "W": "\\x00-/:-@\\[-^`{-\\U0010ffff",
}
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t\\ ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-\\~",
    "lower": "a-z",
    "print": "\\ -\\~",
    "punct": "!-/:-@\\[-`{-\\~",
    "space": "\\t-\\r\\ ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_LETTERS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MOST_REPEATS = 1000
"""Go's regexp refuses more."""


def is_malformed(pattern: str) -> bool:
    """Whether BuildKit refuses the pattern before it looks at any path.

    It compares the pattern with "." for this and stops reading where that fails, after the part before the
    second `*` as a rule. What is wrong in the rest is an error when a path is compared.
    """
    for _ in range(2):
        found = _CHUNK.match(pattern)
        if found is None or not _WELL_FORMED.fullmatch(found[1]):
            return True
        if not _is_dot(found[1]):
            return False
        pattern = pattern[found.end() :]
    return False


def _is_dot(chunk: str) -> bool:
    if not chunk.startswith("["):
        return chunk in (".", "?", "\\.")
    try:
        return re.fullmatch(to_python(chunk), ".") is not None
    except (ValueError, re.error):
        return False


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test for slash-separated relative paths. Raises ValueError where BuildKit finds a syntax error."""
    kind, expression = _go_expression(pattern)
    if kind == "exact":
        return pattern.__eq__
    if kind == "prefix":
        start = pattern[:-2]
        return lambda path: path.startswith(start)
    if kind == "suffix":
        end = pattern[2:]
        whole = end[1:] if end.startswith("/") else None
        return lambda path: path.endswith(end) or path == whole
    try:
        search = re.compile(to_python(expression)).search
    except re.error as error:
        raise ValueError(str(error)) from error
    return lambda path: search(path) is not None


def _go_expression(pattern: str) -> tuple[str, str]:
    """How the pattern is compared (exact, prefix, suffix, regexp), and the Go expression."""
    kind, parts = "exact", ["^"]
    start = 1 if pattern.startswith("\ufeff") else 0  # Go's scanner passes it over
    for token in _TOKEN.finditer(pattern, start):
        text = token[0]
        if text.startswith("**"):
            at_end = token.end() == len(pattern)
            kind = "prefix" if at_end and kind == "exact" else "regexp"
            parts.append(".*" if at_end else "(.*/)?")
            if token.start() == start:
                kind = "suffix"
        elif text in "*?":
            kind = "regexp"
            parts.append("[^/]*" if text == "*" else "[^/]")
        elif text in ".+()$":
            parts.append("\\" + text)
        else:
            if text in "[]" or (text[0] == "\\" and len(text) > 1):
                kind = "regexp"
            parts.append(text)
    return kind, "".join(parts) + "$"


def to_python(expression: str) -> str:
    """A Go expression, as made from a pattern, in the syntax of `re`. Raises ValueError where Go refuses."""
    parts: list[str] = []
    position = 0
    while position < len(expression):
        found = _GO.match(expression, position)
        if found is None:  # the pattern's alternatives cover every character
            raise ValueError(expression)
        position = found.end()
        group = found.lastgroup
        if group == "open":
            text, position = _class(expression, position)
            parts.append(text)
        else:
            parts.append(_piece(group, found))
    return "".join(parts)


def _piece(group: str | None, found: re.Match[str]) -> str:
    text = found[0]
    match group:
        case "quoted":
            return re.escape(found["quoted"])
        case "perl":
            return f"[{_PERL[found['perl']]}]"
        case "border":
            return {"A": "\\A", "z": "\\Z", "b": "(?a:\\b)", "B": "(?a:\\B)"}[found["border"]]
        case "escape":
            return re.escape(_character(text))
        case "end":
            return "\\Z"
        case "kept":
            if text == "^":
                return "(?:^|(?!))"  # Go lets an anchor be repeated
            if text[0] == "{" and any(int(n) > _MOST_REPEATS for n in re.findall("[0-9]+", text)):
                raise ValueError(f"invalid repeat count {text}")
            return text
        case "bad":
            raise ValueError("invalid escape sequence")
        case _:
            return re.escape(text)


def _class(expression: str, position: int) -> tuple[str, int]:
    """The class whose bracket opens before `position`, and where it ends."""
    parts = ["["]
    if expression[position : position + 1] == "^":
        parts.append("^")
        position += 1
    first = position
    while position == first or not expression.startswith("]", position):
        found = _GO_CLASS.match(expression, position)
        if found is None:
            raise ValueError("missing closing ]")
        position = found.end()
        if found["posix"]:
            if found["name"] not in _POSIX:
                raise ValueError("invalid character class range")
            parts.append(_POSIX[found["name"]])
        elif found["perl"]:
            parts.append(_PERL[found["perl"]])
        else:
            high = _high(expression, position)
            parts.append(_range(found["low"], high["low"] if high else None))
            position = high.end() if high else position
    return "".join(parts) + "]", position + 1


def _high(expression: str, position: int) -> re.Match[str] | None:
    """The upper end of a range, if one follows."""
    if expression[position : position + 1] != "-" or expression[position + 1 : position + 2] in ("]", ""):
        return None
    found = _GO_CLASS.match(expression, position + 1)
    if found is None or found["perl"]:
        raise ValueError("invalid character class range")
    if found["posix"]:  # here it is no class: the range ends at the bracket
        found = re.compile(r"(?P<low>\[)").match(expression, position + 1)
    return found


def _range(low: str, high: str | None) -> str:
    start = _character(low)
    if high is None:
        return _in_class(start)
    end = _character(high)
    if end < start:
        raise ValueError("invalid character class range")
    return f"{_in_class(start)}-{_in_class(end)}"


def _in_class(character: str) -> str:
    return "\\" + character if character.isascii() and not character.isalnum() else character


def _character(text: str) -> str:
    """What a character or Go escape sequence stands for."""
    if text[0] != "\\":
        return text
    body = text[1:]
    if body[0] == "x":
        code = int(body[1:].strip("{}"), 16)
        if code > 0x10FFFF:
            raise ValueError("invalid escape sequence")
        return chr(code)
    if body[0].isdigit():
        return chr(int(body, 8))
    return _LETTERS.get(body, body)
