"""The newest commits of a branch along first parents: what a CI that builds each push sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.errors import UsageError
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 60.0
"""Seconds for git to list commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit; `time` is the committer's, in seconds since 1970."""

    id: str
    time: float
    subject: str


def newest_commits(root: Path, ref: str, count: int) -> tuple[Commit, ...]:
    """The newest `count` commits of `ref`, or as many as there are, oldest first, along first parents.

    Raises EngineError where git can't be run, UsageError where it refuses.
    """
    log = ("log", "--first-parent", f"--max-count={count}", "-z", "--format=%H%n%ct%n%s")
    argv = ("git", "--no-optional-locks", "-C", str(root), *log, "--end-of-options", ref, "--")
    done = run(Command(argv=argv, env=(("GIT_NO_REPLACE_OBJECTS", "1"),)), timeout=TIMEOUT)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UsageError(
            f"git can't list the commits of {ref}: {said[0] if said else 'no reason given'}",
            fix="name a branch, tag or commit of this clone with --ref",
        )
    return tuple(_commit(text) for text in reversed(done.stdout.split("\0")) if text)


def _commit(text: str) -> Commit:
    id, _, rest = text.partition("\n")
    time, _, subject = rest.partition("\n")
    return Commit(id=id, time=float(time), subject=subject.strip())
