"""`--cache gha`: the cache service of GitHub Actions, one scope for each name.

https://docs.docker.com/build/cache/backends/gha/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.cache.spec import only, specs
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Expansion, Location
    from fastbuild.cache.names import CacheNames


def expand_gha(location: Location, names: CacheNames, environ: Mapping[str, str]) -> Expansion:
    """One scope for each name; address and token are left to the engine's client, which reads the variables.

    Raises UsageError when the variables are missing, as they are in plain `run:` steps.
    """
    missing = missing_variables(environ)
    if missing:
        raise missing
    options = dict(location.options)
    return specs(
        "gha",
        only(names, options.pop("scope", None)),
        lambda name, _direction: {"scope": name},
        options=options,
    )


def missing_variables(environ: Mapping[str, str]) -> UsageError | None:
    """The error that says which of the service's variables are missing and how to get them."""
    absent = [] if environ.get("ACTIONS_RUNTIME_TOKEN") else ["ACTIONS_RUNTIME_TOKEN"]
    if not environ.get("ACTIONS_RESULTS_URL") and not environ.get("ACTIONS_CACHE_URL"):
        absent.append("ACTIONS_RESULTS_URL")
    if not absent:
        return None
    inside = environ.get("GITHUB_ACTIONS") == "true"
    return UsageError(
        f"--cache gha: {' and '.join(absent)} not set",
        cause="GitHub gives them to actions, not to `run:` steps"
        if inside
        else "this is not a GitHub Actions job",
        fix="add a step `uses: crazy-max/ghaction-github-runtime@v3` before this one"
        if inside
        else "use s3://, registry:// or local: outside of GitHub Actions",
    )
