"""How a location's options and names become `CacheSpec`s: what all backends share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.cache.api import Expansion
from fastbuild.cache.names import CacheNames
from fastbuild.cache.schema import takes, validate
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.cache.schema import Direction

    Options = Mapping[str, str]
    Named = Callable[[str, Direction], Options]

EXPORT_DEFAULTS: Mapping[str, str] = {
    "mode": "max",  # min finds nothing of a multi-stage build's earlier stages
    "ignore-error": "true",  # a failing export would fail the build, or cancel its push
    "compression": "zstd",  # unpacks faster than gzip at the same size; only where the type reads it
}


def specs(
    kind: str,
    names: CacheNames,
    named: Named,
    *,
    options: Options,
    import_defaults: Options | None = None,
    export_defaults: Options | None = None,
) -> Expansion:
    """One import for each name to read, one export for the name to write.

    `named` gives the options that hold a name. `options` are the user's and beat the defaults; each
    goes to the directions that read it. Raises UsageError for unknown options and bad values, of
    exports also when nothing is going to be written: a mistake shows in the pull request that makes it.
    """

    def spec(name: str, direction: Direction, defaults: Options) -> CacheSpec:
        own = {key: value for key, value in options.items() if _fits(kind, direction, key)}
        known = {key: value for key, value in defaults.items() if takes(kind, direction, key)}
        # an empty value means the engine's default; `key=` without a value is not accepted everywhere
        merged = {k: v for k, v in {**named(name, direction), **known, **own}.items() if v}
        made = CacheSpec(kind, tuple(merged.items()))
        validate(made, direction, flag="--cache")
        return made

    written = {**EXPORT_DEFAULTS, **(export_defaults or {})}
    imports = tuple(spec(name, "import", import_defaults or {}) for name in names.read)
    exports = tuple(spec(name, "export", written) for name in (names.write, *names.read)[:2] if name)
    return Expansion(imports, exports[:1] if names.write else ())


def only(names: CacheNames, name: str | None) -> CacheNames:
    """`names`, or what the user gave explicitly, still read-only if they were.

    `a;b` is BuildKit's form for several: an export writes each, an import reads only the first, so
    that each gets an import of its own.
    """
    if not name:
        return names
    read = tuple(part for part in name.split(";") if part)
    reason = f"{name} is named explicitly; {names.reason}"
    return CacheNames(write=name if names.write else None, read=read, reason=reason)


def _fits(kind: str, direction: Direction, key: str) -> bool:
    # what neither direction knows goes to both, so that `validate` speaks up
    other: Direction = "export" if direction == "import" else "import"
    return takes(kind, direction, key) or not takes(kind, other, key)
