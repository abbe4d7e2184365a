"""Which caches a build reads and writes, under which names, and with whose credentials.

What only a build with a cache needs is imported by the functions that use it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import ci, git
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.credentials import Credentials
    from fastbuild.cache.names import CacheNames
    from fastbuild.ci.context import CIContext
    from fastbuild.git import GitFacts
    from fastbuild.request import BuildRequest, CacheSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a build comes from: the CI job and the repository; `git` is None outside one."""

    ci: CIContext
    git: GitFacts | None

    @property
    def commit(self) -> str:
        """The commit that is built; empty where nobody knows."""
        return (self.git.sha if self.git else None) or self.ci.sha or ""


def read_origin(request: BuildRequest, environ: Mapping[str, str]) -> Origin:
    """The CI job from the environment, the repository from the context's directory (or the current)."""
    where = Path.cwd() if is_remote(request.context) else Path(request.context)
    return Origin(ci=ci.detect(environ, _read_text), git=git.read(where) or git.read(Path.cwd()))


def _read_text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """The request with its caches spelled out, their names, and the identity for S3 (None: none found)."""

    request: BuildRequest
    names: CacheNames | None
    credentials: Credentials | None


def choose_caches(
    request: BuildRequest,
    values: tuple[str, ...],
    origin: Origin,
    environ: Mapping[str, str],
    *,
    name: str = "",
    mode: str = "auto",
    strict: bool = False,
    branch: str = "",
) -> Caches:
    """`request` with the imports and exports of `--cache` `values` added to its own.

    With `branch`, of that branch alone, and nothing is written.
    Credentials are taken out of raw options, for they would show in process lists and in the engine's
    history. A failing export is made harmless unless `strict`. Raises UsageError for unknown options.
    """
    if not (values or request.cache_from or request.cache_to):
        return Caches(request=request, names=None, credentials=None)
    from fastbuild.cache.credentials import resolve
    from fastbuild.cache.expand import expand

    credentials: list[Credentials] = []
    imports = [_taken(spec, "import", credentials) for spec in request.cache_from]
    exports = [_taken(spec, "export", credentials) for spec in request.cache_to]
    found = _names(request, origin, name, mode) if values else None
    for value in values:
        assert found is not None
        if branch:
            from fastbuild.cache.names import CacheNames, sibling

            found = CacheNames(write=None, read=(sibling(found.read[0], branch),), reason="")
        expansion = expand(value, found, environ)
        imports += expansion.imports
        exports += expansion.exports
    exports = [_forgiving(spec, strict=strict) for spec in exports]
    identity = credentials[0] if credentials else None
    if identity is None and any(spec.type == "s3" for spec in (*imports, *exports)):
        identity = resolve(environ)
    request = replace(request, cache_from=tuple(imports), cache_to=tuple(exports))
    return Caches(request=request, names=found, credentials=identity)


def _names(request: BuildRequest, origin: Origin, name: str, mode: str) -> CacheNames:
    import platform

    from fastbuild.cache import names

    context = replace(origin.ci, repository=name) if name else origin.ci
    return names.derive(
        context,
        origin.git,
        directory=Path(request.context).absolute(),
        machine=platform.machine(),
        target=request.target,
        platforms=request.platforms,
        write={"auto": None, "read": False, "readwrite": True}[mode],
    )


def _taken(spec: CacheSpec, direction: str, credentials: list[Credentials]) -> CacheSpec:
    from fastbuild.cache.credentials import split_credentials
    from fastbuild.cache.schema import validate

    bare, identity = split_credentials(spec)
    validate(bare, "import" if direction == "import" else "export")
    if identity:
        credentials.append(identity)
    return bare


def _forgiving(spec: CacheSpec, *, strict: bool) -> CacheSpec:
    from fastbuild.cache.schema import takes

    if not takes(spec.type, "export", "ignore-error"):
        return spec
    return spec.with_options(**{"ignore-error": "false" if strict else spec.get("ignore-error", "true")})
