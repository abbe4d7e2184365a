"""The only vocabulary of progress: what an engine reports, whichever engine it is.

Times are seconds since the epoch (float); sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """A step's state changed. The same `id` comes several times; one interval per start/complete pair.

    `cached` is the engine's own flag. A plan entry has neither `started` nor `completed`.
    """

    id: str
    name: str
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Bytes moving under a step: a layer downloaded or unpacked, the context sent, an export.

    `id` names the thing (`sha256:…`, `extracting sha256:…`, `transferring context:`).
    """

    id: str
    step: str
    name: str = ""
    current: int = 0
    total: int = 0
    started: float | None = None
    completed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Output of a step; `stream` is 1 or 2. `text` may hold part of a line."""

    step: str
    stream: int
    text: str
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """A build check's finding, from the engine itself."""

    step: str
    level: int
    short: str
    detail: str = ""
    url: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line that is no event: the engine's closing words (excerpt, error message)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line of ours: what fastbuild did about a cache problem, a retry, a fall-back."""

    text: str


Event = Vertex | Transfer | Log | Warning | Text | Note
