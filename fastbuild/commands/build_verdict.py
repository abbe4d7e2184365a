"""How a build ended: success, or which of our errors its closing words are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.errors import BuildFailed, DockerfileSyntax, EngineError, FastbuildError, UsageError

if TYPE_CHECKING:
    from fastbuild.pipeline.run import Outcome

SYNTAX = re.compile(
    r"dockerfile parse error|unknown instruction:|file with no instructions|daemon: failed to parse|"
    r"the Dockerfile cannot be empty|no build stage in current context|unterminated heredoc|"
    r"base name \(.*\) should not be blank|circular dependency detected on stage",
    re.IGNORECASE,
)
ENGINE_GONE = re.compile(
    r"failed to list workers|error reading from server|transport is closing|connection error: desc|"
    r"closing transport|code = Unavailable|Cannot connect to the Docker daemon|no builder \S+ found"
)
LINT_WARNING = re.compile(rb"^WARNING: \w+", re.MULTILINE)
MISCALLED = re.compile(
    r"invalid argument .* for|invalid tag \"|unknown (?:shorthand )?flag|failed to parse target platform|"
    r"^(?:error|ERROR): invalid ",
    re.MULTILINE,
)
"""The client's own complaint about our arguments, which are the user's."""
ANSWERED = re.compile(r"Error response from daemon: ")
"""Before a refusal of the docker engine, which therefore lives."""


def check_failure(answer: bytes) -> FastbuildError | None:
    """The error of `--call check`: None unless its printed answer has findings."""
    found = len(LINT_WARNING.findall(answer))
    if not found:
        return None
    return BuildFailed(f"error: the check found {found} warning{'s' if found > 1 else ''}")


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
    if MISCALLED.search(text):
        return UsageError(text.removeprefix("error: ").removeprefix("ERROR: "))
    if ANSWERED.search(text):
        return BuildFailed(text)
    silent = not outcome.timing.steps and not outcome.timing.others and "failed to solve" not in text
    if silent or ENGINE_GONE.search(text):
        return EngineError(
            f"the engine could not build: {_without_labels(text)}",
            cause="it does not run, can't be reached, or died",
            fix="run `fastbuild doctor`",
        )
    return BuildFailed(text)


def _without_labels(text: str) -> str:
    """The text without warnings, and without the `error:` that a message of ours begins with."""
    lines = [line for line in text.splitlines() if not line.startswith("WARNING: ")]
    return "\n".join(line.removeprefix("error: ").removeprefix("ERROR: ") for line in lines)
