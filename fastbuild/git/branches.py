"""The branches of a clone, and of its remote as far as the clone knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.errors import UsageError
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 60.0
"""Seconds for git to list its branches, or to ask the remote for its own."""


def living_branches(root: Path) -> frozenset[str]:
    """Branches of this clone and of its remote `origin`, which is asked when there is one.

    Raises EngineError where git can't be run, UsageError where git or the remote refuses: a list that is cut
    short would make living branches look gone.
    """
    local = _lines(root, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    if "origin" not in _lines(root, "remote"):
        return frozenset(local)
    heads = _lines(root, "ls-remote", "--heads", "origin")
    return frozenset((*local, *(line.partition("refs/heads/")[2] for line in heads)))


def _lines(root: Path, *arguments: str) -> list[str]:
    argv = ("git", "--no-optional-locks", "-C", str(root), *arguments)
    done = run(Command(argv=argv, env=(("GIT_TERMINAL_PROMPT", "0"),)), timeout=TIMEOUT)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UsageError(
            f"git can't list the branches: {said[-1] if said else 'no reason given'}",
            cause="no access to the remote origin, or no repository here",
            fix="give the living branches with --branches FILE",
        )
    return [line for line in done.stdout.splitlines() if line]
