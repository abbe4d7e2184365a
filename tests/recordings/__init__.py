"""Real output of BuildKit, replayed; README.md says how each file was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.dockerfile.steps import step_lines
from fastbuild.history import BuildRecord
from fastbuild.progress.rawjson import parse
from fastbuild.progress.timings import BuildTiming, Fold

if TYPE_CHECKING:
    from fastbuild.progress.events import Event

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.rawjson"))
CONTEXTS = {
    "failing": "failing",
    "buildx-failing": "failing",
    "dead-export": "single",
    "s3-blobs": "app-changed",
}
for _name in ("broken", "cancelled", "linked", "onbuild", "platforms", "single", "warned"):
    CONTEXTS |= {_name: _name, f"{_name}-warm": _name}


def lines(name: str) -> list[bytes]:
    """The raw lines of a recording, without newlines."""
    return (HERE / f"{name}.rawjson").read_bytes().splitlines()


def events(name: str) -> list[Event]:
    """The events of a recording."""
    return [event for line in lines(name) for event in parse(line)]


def dockerfile(name: str) -> str:
    """The Dockerfile that was built."""
    return (HERE / "contexts" / CONTEXTS.get(name, "app") / "Dockerfile").read_text(encoding="utf-8")


def timing(name: str, *, store_was_empty: bool = False) -> BuildTiming:
    """A recording, folded, with lines."""
    fold = Fold(
        imports=name.startswith("s3-") or name in ("dead-import", "missing-blob"),
        store_was_empty=store_was_empty,
    )
    for event in events(name):
        fold.add(event)
    return fold.timing(None if name == "broken" else step_lines(dockerfile(name)))


def record(name: str, *, store_was_empty: bool = False) -> BuildRecord:
    """A recording as the record of a build that did nothing else."""
    timed = timing(name, store_was_empty=store_was_empty)
    cancelled = "Canceled" in timed.error
    return BuildRecord(
        id="0123456789abc",
        started="2026-01-02T03:04:05.000+00:00",
        seconds=timed.seconds,
        result="cancelled" if cancelled else "failed" if timed.error else "ok",
        exit_code=1 if timed.error else 0,
        engine="buildctl",
        engine_version="0.34.1",
        context=".",
        cache_read=("s3 ci/app",) if "import" in name or name.startswith("s3-") else (),
        cache_written=("s3 ci/app",) if "export" in name else (),
        timing=timed,
    )
