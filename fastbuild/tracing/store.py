"""Evidence kept between builds: one JSON file for each RUN and all that leads to it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from fastbuild.paths import make_private
from fastbuild.tracing.reads import RunReads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fastbuild.paths import Paths

MOST = 200
"""Files kept; the ones written longest ago go first."""


def chain_key(texts: Sequence[str]) -> str:
    """The name of a chain of texts (see `chains.Chain`): xxh3-128 in hexadecimal."""
    import xxhash

    whole = "\0".join(texts).encode("utf-8", "surrogateescape")
    return xxhash.xxh3_128_hexdigest(whole)


def save(paths: Paths, key: str, reads: RunReads) -> None:
    """Keep `reads` under a `chain_key`, instead of what was there. Raises ValueError if not complete."""
    if not reads.complete:
        raise ValueError(reads.reason)
    folder = _folder(paths)
    make_private(paths.state, paths.uid)
    make_private(folder, paths.uid)
    beside = folder / f"{key}.{os.getpid()}.new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(reads.to_json())
    beside.replace(folder / f"{key}.json")
    _forget_oldest(folder)


def load(paths: Paths, key: str) -> RunReads | None:
    """What is kept under a `chain_key`; None when nothing is, or nothing that can be read."""
    try:
        return RunReads.from_json((_folder(paths) / f"{key}.json").read_text(encoding="ascii"))
    except (OSError, ValueError, TypeError):
        return None


def _folder(paths: Paths) -> Path:
    return paths.state / "reads"


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        aged = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in aged[:-MOST]:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - names from scandir
