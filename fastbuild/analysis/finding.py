"""What a rule says: `Finding`, how bad it is, what it costs, and how it may be mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How bad; ordered, so that `--fail-on warning` is a comparison."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @classmethod
    def named(cls, name: str) -> Level:
        """The level of a lower-case name. Raises KeyError."""
        return cls[name.upper()]

    @property
    def label(self) -> str:
        """The lower-case name."""
        return self.name.lower()


class Safety(StrEnum):
    """`SAFE`: the image stays what it was, or the rule's manual says exactly what changes for the better."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Lines `start` to `end` (from 1, inclusive) become `text` (whole lines, or empty).

    `end == start - 1` inserts before `start`. `file` is relative to the context, empty for the Dockerfile
    itself.
    """

    start: int
    end: int
    text: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Edits that mend one finding, all or none."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a finding costs: seconds per build that it hits, and bytes in the image; None is unknown.

    `measured` is True only where both come from recorded builds; else they are estimates.
    """

    seconds: float | None = None
    size: int | None = None
    measured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding at lines `start` to `end` (from 1; 0 when it is about the whole file or its context).

    `message` is one sentence without a full stop at its end; `hint` says what to do, in one sentence.
    """

    code: str
    level: Level
    message: str
    start: int
    end: int
    hint: str = ""
    cost: Cost | None = None
    fix: Fix | None = None
