"""Asking the engine's frontend for the build graph: the Dockerfile as operations, nothing built.

The frontend request `frontend.convertllb` (frontend/subrequests/convertllb of BuildKit) reads the
Dockerfile and the ignore file, resolves the base images, and answers with what a build would solve.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fastbuild import process
from fastbuild.aside import aside
from fastbuild.context.staging import is_directory
from fastbuild.engines import buildctl, buildx
from fastbuild.errors import EngineError
from fastbuild.pipeline.ask_pins import with_digests
from fastbuild.pipeline.ask_platform import for_platform, own_platform
from fastbuild.pipeline.closing_words import error_of

if TYPE_CHECKING:
    from fastbuild.engines.api import Engine, Job
    from fastbuild.pipeline.ask_platform import Platform
    from fastbuild.process import Command, Completed
    from fastbuild.request import BuildRequest

TIMEOUT = 120.0
"""Seconds for an answer: base images are looked up at their registries."""
REQUEST = ("requestid=frontend.convertllb", "frontend.caps=moby.buildkit.frontend.subrequests")
RESULT_FILES = ("--metadata-file=", "--ref-file=")
"""What a build leaves beside; a question must not touch them, for a build may run in the same directory."""
UNKNOWN = re.compile(r"unsupported request|does not support frontend\.convertllb", re.IGNORECASE)


PREFIXED = ("BUILDKIT_MULTI_PLATFORM", "1")
"""A build argument: names carry the platform as in a build of several (frontend/dockerui/config.go)."""


def graph_texts(job: Job, request: BuildRequest) -> tuple[str, ...]:
    """An answer for each platform of `request`, in its order, as `graph_text` gives it; one for no platform.

    The steps' names are those of a build of all of them together: `keys.merge` makes its graph. Raises what
    `graph_text` raises.
    """
    if len(request.platforms) < 2:
        return (graph_text(job, request),)
    if PREFIXED[0] not in dict(request.build_args):
        request = replace(request, build_args=(*request.build_args, PREFIXED))
    own = own_platform(job, request)
    each = [replace(request, platforms=(platform,)) for platform in dict.fromkeys(request.platforms)]
    asking = [aside(partial(graph_text, job, one, own)) for one in each]
    return tuple(answer() for answer in asking)


def graph_text(job: Job, request: BuildRequest, own: Platform | None = None) -> str:
    """The frontend's answer for `request`, as `keys.graph.read_graph` takes it.

    `job` is that of `prepare.ready`. Of several platforms each is asked for by itself: see `graph_texts`.
    `own` is the engine's platform; it is asked for where it isn't given. Raises the errors that a build would
    end with before its first step (DockerfileSyntax, BuildFailed, EngineError, UsageError), EngineError where
    the engine has no such answer (the classic builder, and BuildKit before its frontend 1.5), and UsageError
    for a platform whose graph can't be had from it.
    """
    engine = _engine(job)
    asked = replace(request.without_results(), call="build")
    asked, checked = for_platform(job, asked, own)
    text = checked(_answer(engine, job, asked))
    return with_digests(text, asked, job.workdir, lambda other: _answer(engine, job, other))


def _answer(engine: Engine, job: Job, request: BuildRequest) -> str:
    done = process.run(_command(engine, job, request), timeout=TIMEOUT)
    if done.returncode != 0:
        raise _failure(engine, done)
    return done.stdout


def _engine(job: Job) -> Engine:
    if job.program[-1:] == ("buildx",) or job.program[:1] == ("buildx",):
        return buildx
    if len(job.program) >= 3 and job.program[1] == "--addr":
        return buildctl
    raise EngineError(
        "the classic builder does not tell its build graph",
        fix="use --engine private, or docker's buildx plug-in",
    )


def _command(engine: Engine, job: Job, request: BuildRequest) -> Command:
    """A build's command, turned into a question; local contexts go under their plain names."""
    named: tuple[tuple[str, str], ...] = ()
    question: tuple[str, ...] = ()
    if engine.NAME == buildx.NAME:
        # buildx adds the same two options itself
        request = replace(request, call="convertllb,format=json")
    else:
        local = (name for name, source in request.build_contexts if is_directory(source))
        named = tuple((name, f"_{name}" if name in ("context", "dockerfile") else name) for name in local)
        question = tuple(word for pair in REQUEST for word in ("--opt", pair))
    asking = replace(job, request=request, context_name="", named_copies=named, default_provenance=False)
    command = engine.build_command(asking)
    return replace(command, argv=(*_without_results(command), *question), answer="")


def _without_results(command: Command) -> tuple[str, ...]:
    return tuple(word for word in command.argv if not word.startswith(RESULT_FILES))


def _failure(engine: Engine, done: Completed) -> Exception:
    from fastbuild.progress.timings import Fold

    fold, read = Fold(imports=False, store_was_empty=False), engine.reader()
    for line in done.stderr.splitlines():
        for event in read(line.encode()):
            fold.add(event)
    timing = fold.timing()
    text = timing.text.strip() or f"error: the engine ended with code {done.returncode}"
    if UNKNOWN.search(text):
        return EngineError(
            "this engine does not tell its build graph",
            cause=text.splitlines()[-1],
            fix="use the private engine (fastbuild engine install), or BuildKit v0.11 or later",
        )
    return error_of(text, silent=not timing.steps and not timing.others)
