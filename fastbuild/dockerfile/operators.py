"""What the operators of `${V…}` do to a value in a Dockerfile. Patterns have `*` and `?`, no brackets.

Source: frontend/dockerfile/shell/lex.go of BuildKit v0.34.1 (`convertShellPatternToRegex`, `trimSuffix`,
`reversePattern`) and Go's `regexp.ReplaceAllString`. Errors are ValueError with
BuildKit's words.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def chosen(name: str, value: str | None, sign: str, word: str, *, empty_counts: bool) -> str:
    """`-`, `+` and `?`; `empty_counts` is false after a colon: then an empty value is as good as none."""
    has = value is not None and (value != "" or empty_counts)
    match sign:
        case "-":
            return (value or "") if has else word
        case "+":
            return word if has else ""
        case "?" if has:
            return value or ""
        case "?":
            state = "unset" if value is None else "empty"
            raise ValueError(f"{name}: {word or f'is not allowed to be {state}'}")
        case _:
            raise ValueError(f"unsupported modifier (:{sign}) in substitution")


def trimmed(value: str, sign: str, word: str) -> str:
    """`${V#word}` or `${V%word}`; a `word` that begins with the sign again takes the longest match."""
    longest = word.startswith(sign)
    pattern = word[1:] if longest else word
    backwards = sign == "%"
    if backwards:
        value, pattern = value[::-1], _reversed(pattern)
    end = _end(_tokens(pattern), value, 0, longest=longest)
    rest = value if end is None else value[end:]
    return rest[::-1] if backwards else rest


def replaced(value: str, pattern: str, replacement: str, *, everywhere: bool) -> str:
    """`${V/pattern/replacement}`, or `${V//pattern/replacement}` if `everywhere`.

    Everywhere, and only there, `$0` in the replacement stands for what matched and any other `$name` for
    nothing, as Go reads it.
    """
    tokens = _tokens(pattern)
    parts: list[str] = []
    copied, start = 0, 0
    while start <= len(value):
        end = _end(tokens, value, start, longest=True)
        if end is None:
            start += 1
            continue
        if not everywhere:
            return value[:start] + replacement + value[end:]
        parts.append(value[copied:start])
        if end > copied or start == 0:  # nothing is no match right behind a match
            parts.append(_filled(replacement, value[start:end]))
        copied, start = end, max(end, start + 1)
    return "".join(parts) + value[copied:]


def _filled(template: str, match: str) -> str:
    def reference(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        return match if (found[2] or found[3]) == "0" else ""

    return _REFERENCE.sub(reference, template)


@lru_cache(maxsize=256)
def _tokens(pattern: str) -> tuple[str, ...]:
    """`*`, `?`, and `=` before each other character."""
    tokens: list[str] = []
    characters = iter(pattern.removeprefix("\ufeff"))  # Go's scanner passes it over
    for character in characters:
        if character in "*?":
            tokens.append(character)
        elif character != "\\":
            tokens.append("=" + character)
        else:
            escaped = next(characters, "\ufffd")
            if escaped not in "*?\\}/":
                raise ValueError(f"invalid pattern ({pattern}) in substitution: invalid escape '\\{escaped}'")
            tokens.append("=" + escaped)
    return tuple(tokens)


def _end(tokens: tuple[str, ...], value: str, start: int, *, longest: bool) -> int | None:
    """Where the longest or shortest match that begins at `start` ends.

    All ends are followed at once, for backtracking takes hours on patterns made for it. Neither sign
    matches a line's end.
    """
    ends = {start}
    for token in tokens:
        if token == "*":
            ends = _spread(ends, value)
        elif token == "?":
            ends = {end + 1 for end in ends if value[end : end + 1] not in ("", "\n")}
        else:
            ends = {end + 1 for end in ends if value.startswith(token[1], end)}
        if not ends:
            return None
    return max(ends) if longest else min(ends)


def _spread(ends: set[int], value: str) -> set[int]:
    """All ends that a `*` can reach."""
    reached: set[int] = set()
    for start in sorted(ends):
        end = start
        while end not in reached:
            reached.add(end)
            end += end < len(value) and value[end] != "\n"
    return reached


def _reversed(pattern: str) -> str:
    """Last character first; an escape stays before what it escapes."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join(reversed(parts))
