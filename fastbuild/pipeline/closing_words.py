"""Which of our errors an engine's closing words are."""

from __future__ import annotations

import re

from fastbuild.errors import BuildFailed, DockerfileSyntax, EngineError, FastbuildError, UsageError

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
MISCALLED = re.compile(
    r"invalid argument .* for|invalid tag \"|unknown (?:shorthand )?flag|failed to parse target platform|"
    r"^(?:error|ERROR): invalid ",
    re.MULTILINE,
)
"""The client's own complaint about our arguments, which are the user's."""
ANSWERED = re.compile(r"Error response from daemon: ")
"""Before a refusal of the docker engine, which therefore lives."""


def error_of(text: str, *, silent: bool) -> FastbuildError:
    """The error of a run that failed with these words, kept as they are. `silent`: nothing was begun."""
    if SYNTAX.search(text):
        return DockerfileSyntax(text)
    if MISCALLED.search(text):
        return UsageError(text.removeprefix("error: ").removeprefix("ERROR: "))
    if ANSWERED.search(text):
        return BuildFailed(text)
    if (silent and "failed to solve" not in text) or ENGINE_GONE.search(text):
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
