"""JSON values as Go's encoding/json decodes them into typed fields; ValueError where it fails.

Absent and null are the zero value, names match in any case, unknown names are ignored.
"""

from __future__ import annotations

from typing import Any

from fastbuild.keys.moments import unix_seconds

_INT64 = 1 << 63
_MOST_DIGITS = 20


def refuse(constant: str) -> None:
    """For `json.loads`: NaN and Infinity are no JSON."""
    raise ValueError(f"{constant} is no JSON")


def integer(text: str) -> int:
    """For `json.loads`: numbers with more digits than any field takes become one that no field takes."""
    return int(text) if len(text) <= _MOST_DIGITS else _INT64


def as_object(value: object) -> dict[str, Any]:
    """The fields by lower-case name."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("no object")
    return {name.lower(): field for name, field in value.items()}


def as_list(value: object) -> list[Any]:
    """The elements."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def as_int(value: object) -> int:
    """A whole number of 64 bits."""
    if value is None:
        return 0
    if type(value) is not int or not -_INT64 <= value < _INT64:
        raise ValueError("no whole number of 64 bits")
    return value


def as_str(value: object) -> str:
    """A text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def time_of(value: object) -> float | None:
    """Unix seconds, None for Go's zero time."""
    return unix_seconds(value)
