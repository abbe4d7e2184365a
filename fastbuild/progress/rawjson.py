"""One line of `--progress=rawjson` → events, and everything known about the names of steps.

Format: client/graph.go of BuildKit (`SolveStatus`), one JSON object per line on standard error, from
buildctl and buildx alike; names come from frontend/dockerfile/dockerfile2llb/convert.go
(`prefixCommand`), frontend/dockerui and the exporters.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fastbuild.progress.events import Log, Text, Transfer, Vertex, Warning

if TYPE_CHECKING:
    from fastbuild.progress.events import Event

_COPY = re.compile(r"(?<=^transferring )[0-9a-f]{20}-\S+(?=:$)")
"""The name that `context.copies` gives to a context, and that only the daemon needs to know."""
_KEYS = frozenset({"vertexes", "statuses", "logs", "warnings"})


def parse(line: bytes) -> tuple[Event, ...]:
    """The events of one line; one that is no progress object is a `Text`: the engine's closing words."""
    if line.startswith(b"{"):
        try:
            status = json.loads(line)
            if status.keys() <= _KEYS:
                return tuple(_events(status))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            pass  # cut off or not BuildKit's: shown as it came
    return (Text(text=line.decode("utf-8", "replace")),)


def _events(status: dict[str, Any]) -> list[Event]:
    events: list[Event] = [_vertex(v) for v in status.get("vertexes") or ()]
    events += [_transfer(s) for s in status.get("statuses") or ()]
    events += [_log(entry) for entry in status.get("logs") or ()]
    events += [_warning(w) for w in status.get("warnings") or ()]
    return events


def _vertex(raw: dict[str, Any]) -> Vertex:
    return Vertex(
        id=str(raw["digest"]),
        name=str(raw.get("name", "")),
        started=_seconds(raw.get("started")),
        completed=_seconds(raw.get("completed")),
        cached=bool(raw.get("cached")),
        error=str(raw.get("error") or ""),
        inputs=tuple(str(i) for i in raw.get("inputs") or ()),
    )


def _transfer(raw: dict[str, Any]) -> Transfer:
    return Transfer(
        id=_COPY.sub("context", str(raw["id"])),
        step=str(raw["vertex"]),
        name=str(raw.get("name") or ""),
        current=int(raw.get("current") or 0),
        total=int(raw.get("total") or 0),
        started=_seconds(raw.get("started")),
        completed=_seconds(raw.get("completed")),
    )


def _log(raw: dict[str, Any]) -> Log:
    return Log(
        step=str(raw["vertex"]),
        stream=int(raw.get("stream") or 1),
        text=_base64(raw.get("data")),
        time=_seconds(raw.get("timestamp")) or 0.0,
    )


def _warning(raw: dict[str, Any]) -> Warning:
    ranges = raw.get("range") or ()
    return Warning(
        step=str(raw.get("vertex") or ""),
        level=int(raw.get("level") or 0),
        short=_base64(raw.get("short")),
        detail="\n".join(_base64(part) for part in raw.get("detail") or ()),
        url=str(raw.get("url") or ""),
        line=int(ranges[0]["start"]["line"]) if ranges else None,
    )


def _base64(data: str | None) -> str:
    return base64.b64decode(data or "").decode("utf-8", "replace")


def _seconds(stamp: str | None) -> float | None:
    """RFC 3339 with nanoseconds, as Go writes it; Go's zero time (year 1) is no time."""
    if not stamp or stamp.startswith("0001-"):
        return None
    fraction = stamp[20 : len(stamp) - 1] if stamp.endswith("Z") and stamp[19] == "." else ""
    if fraction.isdigit():
        return _whole_seconds(stamp[:19] + "Z") + float(f"0.{fraction}")
    return datetime.fromisoformat(stamp).timestamp()


@lru_cache(maxsize=64)
def _whole_seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


class StepKind(StrEnum):
    """What a vertex is, judged by its name."""

    STEP = "step"
    FROM = "from"
    LINK = "link"
    SOURCE = "source"
    CONTEXT = "context"
    METADATA = "metadata"
    AUTH = "auth"
    INTERNAL = "internal"
    CACHE_IMPORT = "cache_import"
    CACHE_EXPORT = "cache_export"
    EXPORT = "export"
    PUSH = "push"
    LOAD = "load"
    OTHER = "other"


_NUMBERED = re.compile(
    r"\[(?:(?P<platform>[^\s\]]+/[^\s\]]+) +)?(?:(?P<stage>[^\s\]/]+) )? *"
    r"(?P<index>\d+)/(?P<total>\d+)\] (?P<onbuild>ONBUILD )?(?P<link>LINK )?(?P<rest>.*)",
    re.DOTALL,
)
_INTERNAL = re.compile(r"\[(?:(?P<platform>\S+/\S+) )?internal\] (?P<rest>.*)", re.DOTALL)
_PATTERNS = (
    (StepKind.AUTH, re.compile(r"\[auth\] |authenticate |sharing credentials")),
    (StepKind.METADATA, re.compile(r"\[context [^\]]+\] load metadata |resolve image config ")),
    (StepKind.CONTEXT, re.compile(r"\[context [^\]]+\] load ")),
    (StepKind.SOURCE, re.compile(r"\[context |docker-image://|oci-layout://|https?://|git://|git@|ssh://")),
    (StepKind.FROM, re.compile(r"FROM ")),
    (StepKind.CACHE_IMPORT, re.compile(r"importing cache manifest|inferred cache manifest")),
    (StepKind.CACHE_EXPORT, re.compile(r"exporting cache|preparing build cache|preparing layers for inline")),
    (StepKind.LOAD, re.compile(r"importing to docker|loading layer|loading image")),
    (StepKind.PUSH, re.compile(r"pushing ")),
    (
        StepKind.EXPORT,
        re.compile(
            r"exporting |copying files|sending tarball|merging manifest list|(?:naming|unpacking) to "
        ),
    ),
    (StepKind.METADATA, re.compile(r"resolving provenance|resolve ")),
)
_INTERNAL_PATTERNS = (
    (StepKind.METADATA, re.compile(r"load metadata |resolve ")),
    (StepKind.CONTEXT, re.compile(r"load build context|load build definition|load .*ignore|load remote")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepName:
    """A vertex' name, taken apart. `index` is 0 where the name has no number.

    `platform` is as the engine wrote it (`linux/amd64`, `linux/amd64->arm64`); `instruction` is the text
    after the bracket, variables expanded by the engine, without its ONBUILD and LINK marks.
    """

    kind: StepKind
    instruction: str
    platform: str = ""
    stage: str = ""
    index: int = 0
    total: int = 0
    onbuild: bool = False

    @classmethod
    def parse(cls, name: str) -> StepName:
        """Never fails: an unknown name is of kind `other`."""
        numbered = _NUMBERED.match(name)
        if numbered:
            return cls(
                kind=_numbered_kind(numbered),
                instruction=numbered["rest"],
                platform=numbered["platform"] or "",
                stage=numbered["stage"] or "",
                index=int(numbered["index"]),
                total=int(numbered["total"]),
                onbuild=bool(numbered["onbuild"]),
            )
        internal = _INTERNAL.match(name)
        if internal:
            kind = _first_match(_INTERNAL_PATTERNS, internal["rest"], StepKind.INTERNAL)
            return cls(kind=kind, instruction=internal["rest"], platform=internal["platform"] or "")
        return cls(kind=_first_match(_PATTERNS, name, StepKind.OTHER), instruction=name)

    @property
    def keyword(self) -> str:
        """The instruction's first word in capitals: RUN, COPY, ..."""
        return self.instruction.split(" ", 1)[0].upper()


def _numbered_kind(match: re.Match[str]) -> StepKind:
    if match["link"]:
        return StepKind.LINK
    return StepKind.FROM if match["rest"].startswith("FROM ") else StepKind.STEP


def _first_match(
    patterns: tuple[tuple[StepKind, re.Pattern[str]], ...], text: str, default: StepKind
) -> StepKind:
    return next((kind for kind, pattern in patterns if pattern.match(text)), default)


class TransferKind(StrEnum):
    """What moves, judged by a transfer's id; `work` is no transfer (`exporting layers`, `resolve …`)."""

    DOWNLOAD = "download"
    UNPACK = "unpack"
    TRANSFER = "transfer"
    PUSH = "push"
    WORK = "work"


_TRANSFERS = (
    ("sha256:", TransferKind.DOWNLOAD),
    ("extracting ", TransferKind.UNPACK),
    ("transferring ", TransferKind.TRANSFER),
    ("pushing ", TransferKind.PUSH),
)


def transfer_kind(id: str) -> TransferKind:
    """A bare digest is a layer coming in, `extracting DIGEST` its unpacking, `pushing …` an upload."""
    return next((kind for start, kind in _TRANSFERS if id.startswith(start)), TransferKind.WORK)


def is_cancellation(error: str) -> bool:
    """Whether a step's error says it was stopped, not that it failed by itself."""
    return error.rstrip().endswith(("context canceled", "Canceled"))
