"""`--cache local:DIR`: a directory on this machine, one subdirectory for each name.

https://docs.docker.com/build/cache/backends/local/
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.api import Expansion
from fastbuild.cache.names import as_tag
from fastbuild.cache.spec import specs
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.cache.api import Location
    from fastbuild.cache.names import CacheNames
    from fastbuild.cache.schema import Direction

# without it the directory keeps the blobs of every build ever made
EXPORT_DEFAULTS = {"reset": "true"}


def expand_local(location: Location, names: CacheNames, _environ: Mapping[str, str]) -> Expansion:
    """One directory for each name; imports only what exists.

    A missing source is harmless, but BuildKit warns of it as if it were not. Raises UsageError without a
    directory.
    """
    options = dict(location.options)
    root = location.path or options.pop("dest", "") or options.pop("src", "")
    options.pop("src", None)
    if not root:
        raise UsageError("--cache local: no directory", fix="write local:DIR")
    try:
        folder = Path(root).expanduser()
    except RuntimeError as error:
        raise UsageError(f"--cache local: {root!r} names no user's home", fix="write a full path") from error

    def place(name: str, direction: Direction) -> dict[str, str]:
        key = "src" if direction == "import" else "dest"
        return {key: str(folder / as_tag(name))}

    made = specs("local", names, place, options=options, export_defaults=EXPORT_DEFAULTS)
    present = tuple(s for s in made.imports if (Path(s.get("src")) / "index.json").is_file())
    return Expansion(present, made.exports)
