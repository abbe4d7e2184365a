"""How a build ended: success, or which of our errors its closing words are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.errors import BuildFailed, DockerfileSyntax, EngineError, FastbuildError

if TYPE_CHECKING:
    from fastbuild.pipeline.run import Outcome

SYNTAX = re.compile(r"dockerfile parse error|unknown instruction:|file with no instructions", re.IGNORECASE)
ENGINE_GONE = re.compile(
    r"failed to list workers|error reading from server|transport is closing|connection error: desc|"
    r"closing transport|code = Unavailable|Cannot connect to the Docker daemon|no builder \S+ found"
)
LINT_WARNING = re.compile(r"^WARNING: \w+", re.MULTILINE)


def failure(outcome: Outcome, *, strict: bool) -> FastbuildError | None:
    """The error that ends this build; None when it succeeded.

    The engine's own words are kept as they are. With `strict`, a cache problem is a failure.
    """
    if outcome.returncode == 0:
        if strict and outcome.cache_problems:
            return BuildFailed("error: cache (strict): " + "; ".join(outcome.cache_problems))
        return None
    text = outcome.timing.text.strip() or f"error: the engine ended with code {outcome.returncode}"
    if SYNTAX.search(text):
        return DockerfileSyntax(text)
    if ENGINE_GONE.search(text) or (not outcome.timing.steps and not outcome.timing.others):
        return EngineError(
            f"the engine could not build: {text.removeprefix('error: ')}",
            cause="it does not run, can't be reached, or died",
            fix="run `fastbuild doctor`",
        )
    return BuildFailed(text)
