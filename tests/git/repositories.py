"""Repositories for tests, made by git itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

APART = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *words: str, umask: int = 0o022) -> str:
    """What a git with no settings but its own answers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{what}": "dev" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        env={**kept, **APART, **who},
        check=True,
        capture_output=True,
        umask=umask,
    )
    return os.fsdecode(done.stdout)


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder: Path, message: str = "x") -> str:
    """All that is there; returns the commit's id."""
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


NAMES = ("a", "b.py", "c d", "ä", "\udcff\udcfe", "-x", "z\nz", "[q]", "src", "lib", "conf.crlf")


def random_change(dice: random.Random, folder: Path) -> None:
    """Add, change, remove or turn over some entries."""
    for _ in range(dice.randint(1, 6)):
        place = folder.joinpath(*(dice.choice(NAMES) for _ in range(dice.randint(1, 4))))
        _change(dice, place)


def _change(dice: random.Random, place: Path) -> None:
    for parent in reversed(place.parents):
        if parent.is_symlink() or parent.is_file():
            parent.unlink()
        parent.mkdir(exist_ok=True)
    if place.is_symlink() or place.is_file():
        place.unlink()
        if dice.random() < 0.3:
            return
    if place.is_dir():
        return
    kind = dice.random()
    if kind < 0.15:
        place.symlink_to(dice.choice(("a", "../b.py", "/src", "nowhere", "\udcff")))
        return
    text = dice.choice(("one\ntwo\n", "one\r\ntwo\n", "", "\0\n", "x\n" * 200, "\x1a")).encode()
    place.write_bytes(text + bytes(dice.randbytes(dice.choice((0, 0, 9)))))
    place.chmod(dice.choice((0o644, 0o755, 0o600, 0o711)))
