"""How a build ended: success, or which of our errors its closing words are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.errors import BuildFailed
from fastbuild.pipeline.closing_words import error_of

if TYPE_CHECKING:
    from fastbuild.errors import FastbuildError
    from fastbuild.pipeline.run import Outcome

LINT_WARNING = re.compile(rb"^WARNING: \w+", re.MULTILINE)


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
    return error_of(text, silent=not outcome.timing.steps and not outcome.timing.others)
