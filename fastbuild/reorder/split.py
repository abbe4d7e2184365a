"""Moves that add a line: copying what an install reads before the rest, so that it can go first."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.reorder.constraints import Graph
    from fastbuild.reorder.node import Node

_ORDINARY = re.compile(r"[\w.@+/-]+")
_STRANGE = re.compile(r"[*?\[\]\\$\"'`<>\n\r]|^-")
MOST = 24
"""Lines that one split may add; a larger workspace is for its owner to lay out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Lines to insert before the COPY at `copy` (instruction index), for the RUN at `run`."""

    copy: int
    run: int
    lines: tuple[str, ...]


def splits(graph: Graph) -> tuple[Split, ...]:
    """Every split that frees a RUN from a COPY above it; the plan decides which are worth it."""
    found = []
    needed = {(edge.before, edge.after) for edge in graph.edges}
    for j, run in enumerate(graph.nodes):
        if run.step.keyword != "RUN" or run.unknown:
            continue
        for i, copy in enumerate(graph.nodes[:j]):
            lines = _lines(copy, run) if (i, j) in needed else ()
            if lines and len(lines) <= MOST:
                found.append(Split(copy=copy.instruction.index, run=run.instruction.index, lines=lines))
    return tuple(found)


def _lines(copy: Node, run: Node) -> tuple[str, ...]:
    """COPY lines that bring what `run` reads of `copy`; empty if that is nothing, all, or not so simple."""
    if not copy.files or copy.writes.trees or copy.links or run.writes.clash(copy.writes):
        return ()
    entries = copy.writes.entries
    needed = [path for path in copy.writes.within(run.reads) if entries[path][0] == "file"]
    files = sum(origin[0] == "file" for origin in entries.values())
    if not needed or len(needed) == files:
        return ()
    whole, single = _grouped(copy, run, needed)
    lines = [*file_lines(copy, single), *_directory_lines(copy, whole)]
    return tuple(line for line in lines if line) if all(lines) else ()


def _grouped(copy: Node, run: Node, needed: list[str]) -> tuple[list[str], list[str]]:
    """Directories that are read as such, and the other files."""
    entries = copy.writes.entries
    whole = sorted(tree for tree in run.reads if tree in copy.files and entries[tree][0] == "directory")
    whole = [tree for tree in whole if not any(tree != other and covers(other, tree) for other in whole)]
    whole = [tree for tree in whole if any(covers(tree, path) for path in needed)]
    return whole, [path for path in needed if not any(covers(tree, path) for tree in whole)]


def file_lines(copy: Node, paths: list[str]) -> Iterator[str]:
    """COPY lines that bring these of the files of `copy`; empty ones for names that can't be written."""
    by_directory: dict[str, list[str]] = {}
    for path in paths:
        by_directory.setdefault(posixpath.dirname(path), []).append(path)
    for directory, members in sorted(by_directory.items()):
        sources = [copy.files[path] for path in members]
        if any(
            posixpath.basename(to) != posixpath.basename(name)
            for to, name in zip(members, sources, strict=True)
        ):
            yield ""
        else:
            yield _copy_line(copy, sources, directory)


def _directory_lines(copy: Node, directories: list[str]) -> Iterator[str]:
    for directory in directories:
        yield _copy_line(copy, [copy.files[directory]], directory)


def _copy_line(copy: Node, sources: list[str], directory: str) -> str:
    """One COPY with the flags of `copy`; empty if a name can't be written safely."""
    target = _target(copy, directory)
    words = [*sources, target]
    if any(_STRANGE.search(word) for word in words):
        return ""
    flags = "".join(f"{flag.text} " for flag in copy.instruction.flags)
    if all(_ORDINARY.fullmatch(word) for word in words):
        return f"COPY {flags}{' '.join(words)}"
    return f"COPY {flags}{json.dumps(words, ensure_ascii=False)}"


def _target(copy: Node, directory: str) -> str:
    """The directory as the COPY would write it: relative if its own destination is."""
    cwd = copy.step.cwd
    if copy.instruction.words[-1].startswith("/") or cwd is None or not covers(cwd, directory):
        return directory.rstrip("/") + "/"
    inner = directory[len(cwd.rstrip("/")) :].strip("/")
    return f"./{inner}/" if inner else "./"
