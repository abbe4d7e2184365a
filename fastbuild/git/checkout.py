"""A commit's files in a directory of their own: no work tree, index or branch is touched."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastbuild.errors import EngineError
from fastbuild.process import Command, run

TIMEOUT = 600.0
"""Seconds for one checkout."""
PLAIN = 'umask 022 && exec git "$@"'
"""Git as a shell runs it with the umask of most machines."""


def check_out(root: Path, commit: str, folder: Path) -> None:
    """Write the files of `commit` below `folder`, which is empty, with modes as under umask 022.

    Filters and line ends are those of the user's git. Raises EngineError where git fails.
    """
    with tempfile.TemporaryDirectory(prefix="fastbuild-index-", ignore_cleanup_errors=True) as place:
        env = (("GIT_INDEX_FILE", str(Path(place, "index"))),)
        for words in (("read-tree", commit), ("checkout-index", "--all", "--force", f"--prefix={folder}/")):
            argv = ("sh", "-c", PLAIN, "git", "-C", str(root), *words)
            done = run(Command(argv=argv, env=env), timeout=TIMEOUT)
            if done.returncode:
                said = done.stderr.strip().splitlines()
                raise EngineError(f"git {words[0]} failed: {said[0] if said else 'no reason given'}")
