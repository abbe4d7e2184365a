"""What an order that rests on traced reads took for granted, looked at again in every build.

`reorder --write` keeps, for the text it wrote, what each traced RUN looked for in vain and listed; a build
of that text says when the context no longer is so. Only on the machine (or state directory) that wrote it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.paths import Paths
    from fastbuild.tracing.reads import RunReads

VERSION = 1


def keep(paths: Paths, text: str, runs: Mapping[str, tuple[RunReads, dict[str, str]]]) -> None:
    """Keep the guards of a Dockerfile's new text. `runs` has evidence and the COPYs' roots by instruction."""
    from fastbuild.files import replace_file
    from fastbuild.paths import make_private

    if not runs:
        return
    folder = _folder(paths)
    make_private(paths.state, paths.uid)
    make_private(folder, paths.uid)
    kept = [{"reads": json.loads(reads.to_json()), "roots": roots} for reads, roots in runs.values()]
    content = json.dumps({"version": VERSION, "runs": kept}).encode("ascii")
    replace_file(folder / f"{_name(text)}.json", content)


def broken(paths: Paths, dockerfile: Path, context: Path) -> list[str]:
    """One sentence for each RUN whose evidence the context has outlived; never raises."""
    folder = _folder(paths)
    if not folder.is_dir():
        return []
    try:
        text = dockerfile.read_bytes().decode("utf-8", "surrogateescape")
        kept = json.loads((folder / f"{_name(text)}.json").read_text(encoding="ascii"))
        runs = kept["runs"] if kept.get("version") == VERSION else []
        return [said for run in runs for said in _broken(run, dockerfile, context)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def _broken(run: dict[str, object], dockerfile: Path, context: Path) -> list[str]:
    from fastbuild.context.tree import Tree
    from fastbuild.tracing.reads import RunReads, broken_guards

    reads = RunReads.from_json(json.dumps(run["reads"]))
    files = Tree(context, dockerfile).files()

    def listing(directory: str) -> tuple[str, ...]:
        prefix = "" if directory in (".", "") else f"{directory}/"
        return tuple(name[len(prefix) :] for name in files if _is_child(name, prefix))

    roots = dict(run["roots"])  # type: ignore[call-overload]
    paths = broken_guards(reads, roots, lambda path: path in files, listing)
    if not paths:
        return []
    what = " ".join(reads.instruction.split())[:60]
    return [f"reorder: {paths[0]} is not as `{what}` found it when it was traced: trace and reorder again"]


def _is_child(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and "/" not in name[len(prefix) :]


def _name(text: str) -> str:
    import xxhash

    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogateescape"))


def _folder(paths: Paths) -> Path:
    return paths.state / "guards"
