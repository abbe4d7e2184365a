"""Go's `path.Match`: the wildcards of a COPY's source.

Source: path/match.go of Go 1.25. Kept as it is there, in bytes: a star gives back no more than the first
place where the piece after it fits, a class may stand for a slash, and a star may end inside a character.
"""

from __future__ import annotations

_STAR, _CLASS, _END, _ONE, _ESCAPE, _SLASH = b"*[]?\\/"
_REPLACEMENT = 0xFFFD


class BadPattern(ValueError):
    """The pattern is malformed."""


def matches(pattern: bytes, name: bytes) -> bool:
    """Whether the whole name fits the pattern. Raises BadPattern."""
    while pattern:
        star, chunk, pattern = _scan(pattern)
        if star and not chunk:
            return b"/" not in name
        rest = _place(star, chunk, name, last=not pattern)
        if rest is None:
            while pattern:  # errors further on count, too
                _, chunk, pattern = _scan(pattern)
                _match(chunk, b"")
            return False
        name = rest
    return not name


def _scan(pattern: bytes) -> tuple[bool, bytes, bytes]:
    """Whether stars come first, what follows up to the next star, and the rest."""
    stripped = pattern.lstrip(b"*")
    star = len(stripped) < len(pattern)
    inside = False
    at = 0
    while at < len(stripped):
        byte = stripped[at]
        if byte == _ESCAPE:
            at += 1
        elif byte == _CLASS:
            inside = True
        elif byte == _END:
            inside = False
        elif byte == _STAR and not inside:
            break
        at += 1
    return star, stripped[:at], stripped[at:]


def _place(star: bool, chunk: bytes, name: bytes, *, last: bool) -> bytes | None:
    """What the name holds after the chunk, at the first place where it fits; None if it fits nowhere."""
    rest = _match(chunk, name)
    if rest is not None and not (last and rest):
        return rest
    if not star:
        return None
    for start, byte in enumerate(name, 1):
        if byte == _SLASH:
            return None
        rest = _match(chunk, name[start:])
        if rest is not None and not (last and rest):
            return rest
    return None


def _match(chunk: bytes, name: bytes) -> bytes | None:
    """What the name holds after the chunk, which has no star; None if it doesn't begin with it."""
    failed = False
    while chunk:
        failed = failed or not name
        first = chunk[0]
        if first == _CLASS:
            rune, width = (0, 0) if failed else _rune(name)
            fits, chunk = _class(chunk[1:], rune)
            failed = failed or not fits
            name = name[width:]
            continue
        if first == _ONE:
            if not failed:
                failed = name[0] == _SLASH
                name = name[_rune(name)[1] :]
        else:
            if first == _ESCAPE:
                chunk = chunk[1:]
                if not chunk:
                    raise BadPattern("a backslash at the end")
            failed = failed or chunk[0] != name[0]
            name = name[1:]
        chunk = chunk[1:]
    return None if failed else name


def _class(chunk: bytes, rune: int) -> tuple[bool, bytes]:
    """Whether a class, opened before the chunk, has the rune; and what follows it."""
    negated = chunk.startswith(b"^")
    chunk = chunk[negated:]
    found = False
    ranges = 0
    while not (ranges and chunk.startswith(b"]")):
        low, chunk = _member(chunk)
        high = low
        if chunk.startswith(b"-"):
            high, chunk = _member(chunk[1:])
        found = found or low <= rune <= high
        ranges += 1
    return found != negated, chunk[1:]


def _member(chunk: bytes) -> tuple[int, bytes]:
    """The next character of a class, and what follows it."""
    if not chunk or chunk[0] in b"-]":
        raise BadPattern("a class that is not closed")
    if chunk[0] == _ESCAPE:
        chunk = chunk[1:]
    rune, width = _rune(chunk) if chunk else (_REPLACEMENT, 1)
    if (rune == _REPLACEMENT and width == 1) or len(chunk) == width:
        raise BadPattern("a class that is not closed")
    return rune, chunk[width:]


def _rune(text: bytes) -> tuple[int, int]:
    """The first character's number and its length in bytes; U+FFFD and 1 where it is not UTF-8."""
    first = text[0]
    if first < 0x80:
        return first, 1
    width = 2 if 0xC2 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4 if 0xF0 <= first < 0xF5 else 0
    try:
        return ord(text[:width].decode("utf-8")), width
    except (UnicodeDecodeError, TypeError):
        return _REPLACEMENT, 1
