"""The command line of `fastbuild analyze` → a `Session`."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.analysis.catalogue import OWN, suggestion
from fastbuild.analysis.inputs import LIMIT, Finder
from fastbuild.analysis.rules import RULES
from fastbuild.commands.analyze_session import Session, known_arguments
from fastbuild.errors import UsageError
from fastbuild.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BAKE_TIMEOUT = 20.0
"""Seconds that `docker buildx bake --print` may take; it builds nothing."""


def begin(
    paths: Sequence[str],
    file: str | None,
    context: str | None,
    recursive: bool,
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    build_arg: tuple[str, ...],
    check: str,
    history: bool,
) -> Session:
    """Read the arguments and all files. Raises UsageError; what can't be read becomes a problem."""
    if context is not None and not Path(context).is_dir():
        raise UsageError(f"--context {context}: there is no such directory")
    finder = Finder(
        environ=os.environ,
        stdin=lambda: sys.stdin.buffer.read(LIMIT + 1),
        bake=_bake,
        context=Path(context) if context is not None else None,
        recursive=recursive,
    )
    finder.find(paths, file)
    session = Session(
        targets=finder.targets,
        rules=RULES,
        build_args=known_arguments(_argument(text) for text in build_arg),
        today=datetime.now().astimezone().date(),
        problems=finder.problems,
        unread=bool(finder.problems),
    )
    shown, hidden = _codes(select, session, "--select"), _codes(ignore, session, "--ignore")
    session.shown = shown | frozenset(OWN) if shown else None
    session.hidden = hidden
    _prepare(session, check, history)
    return session


def _prepare(session: Session, check: str, history: bool) -> None:
    paths = Paths.from_environ(os.environ, os.getuid())
    if history and paths.history.exists():
        from fastbuild.commands.analyze_history import Past

        session.past = Past(paths.history)
    may_run = os.environ.get("BUILDKIT_HOST") or (paths.state / "engine" / "record.json").exists()
    if session.targets and (check == "engine" or (check == "auto" and may_run)):
        from fastbuild.commands.analyze_check import checks_for

        session.checks = checks_for(session, insist=check == "engine")


def _codes(given: Iterable[str], session: Session, flag: str) -> frozenset[str]:
    """Codes and names, separated by commas or blanks."""
    found = set()
    for written in " ".join(given).replace(",", " ").split():
        code = session.known.get(written.lower())
        if code is None:
            hint = suggestion(written, session.known) or "see fastbuild analyze --list-rules"
            raise UsageError(f"{flag}: there is no rule {written!r}", fix=hint)
        found.add(code)
    return frozenset(found)


def _argument(text: str) -> tuple[str, str | None]:
    name, separator, value = text.partition("=")
    if not name:
        raise UsageError(f"--build-arg {text!r} has no name", fix="write NAME=VALUE")
    return name, value if separator else None


def _bake(path: Path) -> str:
    """A bake file as JSON, by docker buildx itself. Raises EngineError or UsageError."""
    from fastbuild import process
    from fastbuild.errors import EngineError

    argv = ("docker", "buildx", "bake", "--print", "--file", path.name)
    done = None
    for targets in (("*",), ()):  # before patterns came to buildx, all that could be had was the default
        command = process.Command(argv=(*argv, *targets), cwd=str(path.parent), description=f"print {path}")
        try:
            done = process.run(command, timeout=BAKE_TIMEOUT)
        except EngineError as error:
            raise UsageError(
                f"{path}: only docker buildx can read bake files in HCL, and it is not here",
                fix="name the Dockerfiles, or a bake file in JSON",
            ) from error
        if done.returncode == 0:
            return done.stdout
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] if done else []
    reason = said[-1].removeprefix("ERROR: ") if said else "it failed without a word"
    raise UsageError(f"{path}: docker buildx bake can't read it: {reason}")
