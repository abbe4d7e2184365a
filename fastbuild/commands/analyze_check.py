"""BuildKit's own checks, from an engine that is there: `fastbuild analyze --check`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import config, process
from fastbuild.analysis import lint
from fastbuild.commands.analyze_session import known_arguments
from fastbuild.commands.interrupts import workdir
from fastbuild.engines import detect
from fastbuild.errors import EngineError, FastbuildError
from fastbuild.paths import Paths
from fastbuild.pipeline import prepare
from fastbuild.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.catalogue import RuleInfo
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.inputs import Target
    from fastbuild.commands.analyze_session import Session
    from fastbuild.config import Settings
    from fastbuild.engines.detect import Choice

AUTO_FILES = 10
"""Dockerfiles: each takes the engine a tenth of a second at least; more are checked on demand alone."""
AUTO_TIMEOUT = 20.0
TIMEOUT = 120.0
"""Seconds for one Dockerfile; a `# syntax=` line makes the engine fetch that frontend first."""


@dataclass(slots=True, kw_only=True)
class Checks:
    """Asks the engine about each Dockerfile; without `insist` it gives up at the first failure."""

    choice: Choice
    settings: Settings
    paths: Paths
    session: Session
    insist: bool
    gave_up: bool = False

    def of(self, target: Target) -> tuple[tuple[Finding, ...], Mapping[str, RuleInfo]]:
        """The engine's findings and what is known of their codes. Raises EngineError if `insist`."""
        if self.gave_up:
            return (), {}
        try:
            answer = self._ask(target)
        except FastbuildError as error:
            if self.insist:
                raise
            self.gave_up = True
            first = error.what.strip().splitlines()[-1] if error.what.strip() else type(error).__name__
            self.session.problems.append(f"BuildKit's own checks were left out: {first}")
            return (), {}
        return lint.read(answer), lint.infos(answer)

    def _ask(self, target: Target) -> str:
        with workdir() as folder:
            file = folder / "Dockerfile"
            file.write_bytes(target.raw)
            beside = Path(f"{target.file}.dockerignore") if target.file else None
            if beside is not None and beside.is_file():
                Path(f"{file}.dockerignore").write_bytes(beside.read_bytes())
            context = target.context if target.context and target.context.is_dir() else folder
            arguments = {**known_arguments(target.build_args), **self.session.build_args}
            request = BuildRequest(
                context=str(context.absolute()),
                file=str(file),
                build_args=tuple(arguments.items()),
                call="check",
            )
            with prepare.ready(
                self.choice,
                request,
                folder,
                self.paths,
                os.environ,
                **self.settings.private_engine,
            ) as ready:
                command = self.choice.engine.build_command(replace(ready.job, request=request))
                done = process.run(command, timeout=TIMEOUT if self.insist else AUTO_TIMEOUT)
        if done.returncode != 0 and not lint.read(done.stdout):  # buildx exits 1 when it warns
            raise EngineError(
                f"{target.path}: the engine could not check it: {_last_words(done.stderr)}",
                fix="run `fastbuild build --check` to see all it says, or leave --check out",
            )
        return done.stdout


def checks_for(session: Session, *, insist: bool) -> Checks | None:
    """The checks of the engine that a build would take; None if there is none that runs already.

    With `insist` the private engine is started if need be, and having no engine raises EngineError.
    """
    paths = Paths.from_environ(os.environ, os.getuid())
    settings = config.load(Path.cwd(), os.environ, {})
    try:
        choice = _choice(settings, paths, insist=insist)
    except EngineError:
        if insist:
            raise
        return None
    if choice is None:
        return None
    if not insist and len(session.targets) > AUTO_FILES:
        session.problems.append(
            f"BuildKit's own checks were left out, for there are {len(session.targets)} Dockerfiles: "
            "ask for them with --check engine"
        )
        return None
    return Checks(choice=choice, settings=settings, paths=paths, session=session, insist=insist)


def _choice(settings: Settings, paths: Paths, *, insist: bool) -> Choice | None:
    if insist:
        builder = os.environ.get("BUILDX_BUILDER", "")
        choice = detect.choose(settings.engine, builder, os.environ, paths)
        if choice.name == "docker":
            raise EngineError("the classic builder has no checks", fix="install docker's buildx plug-in")
        return choice
    if settings.engine in ("", "buildctl") and os.environ.get("BUILDKIT_HOST"):
        return detect.choose("buildctl", "", os.environ, paths)
    if settings.engine in ("", "private") and _runs(paths):
        return detect.choose("private", "", os.environ, paths)
    return None


def _runs(paths: Paths) -> bool:
    """Whether our own engine answers."""
    record = paths.state / "engine" / "record.json"
    if not record.exists():
        return False
    from fastbuild.engines import starting

    return starting.connected(record) is not None


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("{")]
    return lines[-1].strip() if lines else "it said nothing"
