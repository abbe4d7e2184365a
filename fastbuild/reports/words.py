"""Numbers and engine texts as a terminal shows them."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_ASCII = str.maketrans({"·": "-", "…": "~", "—": "-", "–": "-", "’": "'", "→": "->"})


def seconds(value: float) -> str:
    """`0.4 s`, `12.3 s`, `2 min 5 s`."""
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def size(count: int) -> str:
    """Bytes in decimal units, as docker prints them: `812 B`, `1.1 MB`, `41 MB`."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.1f} {unit}" if value < 9.95 and unit != "B" else f"{value:.0f} {unit}"


def plural(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def one_line(text: str) -> str:
    """Without control characters, and every run of white space one space: safe to show in a table."""
    return " ".join(_CONTROL.sub(" ", text).split())


def without_control(text: str) -> str:
    """Without escape sequences and control characters; tabs and newlines stay."""
    return _CONTROL.sub("", text)


def cut(text: str, width: int) -> str:
    """At most `width` characters, an ellipsis where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def encodable(text: str, encoding: str | None) -> str:
    """What `encoding` can show: our own signs get ASCII forms, the rest is escaped."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return encodable(text, "ascii")
    return text
