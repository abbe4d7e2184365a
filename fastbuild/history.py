"""Recorded builds: `BuildRecord`, its JSON, and the SQLite file that keeps the newest of them."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from fastbuild.errors import UsageError
from fastbuild.explain.reasons import Reason  # noqa: TC001 - read from the annotation when decoding
from fastbuild.files import not_writable, replace_file
from fastbuild.progress.timings import BuildTiming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
KEPT = 2000
"""Builds: the oldest beyond this number are dropped."""
SCORED = 200
"""Builds whose predictions are added up."""
BUSY = 5.0
"""Seconds to wait for another process that is writing."""
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a prediction of hits and misses, made while a build began, compared with the build.

    `right` and `maybe` count steps; `wrong` names the others: `line 4: RUN make: hit, but ran`.
    """

    right: int
    maybe: int
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Score) -> Score:
        return Score(
            right=self.right + other.right, maybe=self.maybe + other.maybe, wrong=self.wrong + other.wrong
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """How the cache was written once the image was there. `seconds` are those that the build waited for it.

    `how` is wait, background or with_image; `result` is written, failed, skipped or, left to the background,
    pending.
    """

    how: str
    result: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """One build, from request to result. The JSON form is documented in docs/reference/record.md.

    `started` is ISO 8601 in UTC; `seconds` is wall time as fastbuild measured it; `result` is ok, failed or
    cancelled; `cache_read` and `cache_written` name the caches asked for, not what came of them (see
    `timing.others`); `dirty` is None when there is no git; absent texts are empty. `score` is None where
    nothing was predicted; `reasons` say why steps ran. `skipped` says which
    image was used instead of building, empty for a build. `image_seconds` is wall time until the image was
    pushed, loaded and written, None without one; `export` is None where no cache was to be written.
    """

    id: str
    version: int = VERSION
    started: str
    seconds: float
    image_seconds: float | None = None
    result: str
    exit_code: int
    engine: str = ""
    engine_version: str = ""
    context: str = ""
    dockerfile: str = ""
    target: str = ""
    platforms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    cache_read: tuple[str, ...] = ()
    cache_written: tuple[str, ...] = ()
    commit: str = ""
    branch: str = ""
    dirty: bool | None = None
    provider: str = ""
    digest: str = ""
    timing: BuildTiming = field(default_factory=BuildTiming)
    notes: tuple[str, ...] = ()
    score: Score | None = None
    reasons: tuple[Reason, ...] = ()
    skipped: str = ""
    export: Export | None = None

    def to_json(self, *, indent: int | None = None) -> str:
        """The record as JSON text in ASCII."""
        return json.dumps(asdict(self), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> BuildRecord:
        """The inverse of `to_json`. Raises UsageError for another version or a text that is no record."""
        try:
            raw = json.loads(text)
            version = raw["version"]
            if version == VERSION:
                record: BuildRecord = _decode(cls, raw)
                return record
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise UsageError(f"this is no build record: {error}") from error
        raise UsageError(
            f"the build record has version {version}; this fastbuild reads version {VERSION}",
            fix="read it with the fastbuild that wrote it, or a newer one",
        )


def new_id(now: float) -> str:
    """A build's id: 13 characters that sort by time (milliseconds), the last four random.

    `now` is seconds since the epoch.
    """
    number = int(now * 1000) << 20 | int.from_bytes(os.urandom(3)) >> 4
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def utc(now: float) -> str:
    """Seconds since the epoch as the ISO 8601 text that records use."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")


@cache
def _hints(type_: type) -> dict[str, Any]:
    return get_type_hints(type_)


def _decode(type_: Any, raw: Any) -> Any:
    """A JSON value as the annotated type; keys that a later fastbuild added are passed over."""
    origin = get_origin(type_)
    if origin in (Union, UnionType):
        inner = next(t for t in get_args(type_) if t is not type(None))
        return None if raw is None else _decode(inner, raw)
    if origin is tuple:
        return tuple(_decode(get_args(type_)[0], item) for item in raw)
    if isinstance(type_, type) and is_dataclass(type_):
        hints = _hints(type_)
        return type_(**{f.name: _decode(hints[f.name], raw[f.name]) for f in fields(type_) if f.name in raw})
    if issubclass(type_, Enum):
        return type_(raw)
    if type_ is float and type(raw) is int:
        return float(raw)
    if type(raw) is not type_:
        raise ValueError(f"{raw!r} is no {type_.__name__}")
    return raw


class History:
    """The builds of one user, newest last. The file is made with mode 0600 at the first write.

    Safe for several processes at once. Every method raises UsageError when the file can't be used; a
    build must take that as a warning.
    """

    def __init__(self, path: Path, *, kept: int = KEPT) -> None:
        self._path = path
        self._kept = kept

    def add(self, record: BuildRecord) -> None:
        """Keep a record and drop the oldest ones beyond the limit, in one transaction."""
        with self._connected(create=True) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS builds"
                " (id TEXT PRIMARY KEY, target TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID"
            )
            row = (record.id, record.target, record.to_json())
            connection.execute("INSERT INTO builds VALUES (?, ?, ?)", row)
            connection.execute(
                "DELETE FROM builds WHERE id <= (SELECT id FROM builds ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (self._kept,),
            )
            connection.execute("COMMIT")

    def list(self, limit: int, target: str | None = None) -> tuple[BuildRecord, ...]:
        """The newest records first, at most `limit`, of one target if given."""
        where = "" if target is None else " WHERE target = ?"
        parameters = (*(() if target is None else (target,)), limit)
        return self._read(f"SELECT record FROM builds{where} ORDER BY id DESC LIMIT ?", parameters)

    def get(self, which: str) -> BuildRecord:
        """The record of an id, of an unambiguous beginning of one, or the newest (`last`).

        Raises UsageError when there is none, or several.
        """
        if which == "last":
            found = self.list(1)
        else:
            found = self._read(
                "SELECT record FROM builds WHERE substr(id, 1, ?) = ? LIMIT 2", (len(which), which)
            )
        if len(found) == 1 and which:
            return found[0]
        if found:
            raise UsageError(f"several builds begin with {which!r}", fix="give more of the id")
        wanted = "no build is recorded yet" if which == "last" else f"no recorded build is called {which!r}"
        raise UsageError(wanted, fix="run `fastbuild history list` to see those that are")

    def scores(self) -> dict[str, Score]:
        """The newest builds' predictions by the engine's version, added up; `wrong`: the newest first."""
        found: dict[str, Score] = {}
        for record in self.list(SCORED):
            if record.score is not None:
                before = found.get(record.engine_version)
                found[record.engine_version] = before + record.score if before else record.score
        return found

    def _read(self, query: str, parameters: tuple[str | int, ...]) -> tuple[BuildRecord, ...]:
        if not self._path.exists():
            return ()
        with self._connected(create=False) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'builds'").fetchone():
                return ()
            rows = connection.execute(query, parameters).fetchall()
        return tuple(BuildRecord.from_json(row[0]) for row in rows)

    @contextmanager
    def _connected(self, *, create: bool) -> Iterator[sqlite3.Connection]:
        try:
            if create:
                _make_private(self._path)
            with closing(sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise UsageError(
                f"the build history {self._path} can't be used: {error}",
                cause="the file is damaged, not writable, locked for long, or the disk is full",
                fix="mend the rights or the disk, or move the file away: a new one is made",
            ) from error


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    with closing(os.fdopen(descriptor)):
        os.fchmod(descriptor, 0o600)  # a umask can take away even the owner's rights


def write_record(path: Path, record: BuildRecord) -> None:
    """Write a record's JSON to a file, whole or not at all. Raises UsageError naming the path."""
    try:
        replace_file(path, (record.to_json(indent=2) + "\n").encode())
    except OSError as error:
        raise not_writable(path, error) from error
