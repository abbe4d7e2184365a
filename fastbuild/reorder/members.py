"""Members of a workspace whose manifest no COPY brings in time.

A split lists the manifests of a workspace's members one by one. A member that is added later is in none of
these lines: the install then runs without it, and says nothing where its lock file allows that.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse
from fastbuild.hierarchy import covers
from fastbuild.reorder.nodes import nodes_of
from fastbuild.reorder.rewrite import reordered
from fastbuild.reorder.split import file_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.analysis.subject import Subject
    from fastbuild.reorder.node import Node

MANIFESTS = frozenset(
    {
        *("package.json", "pyproject.toml", "Cargo.toml", "go.mod", "pom.xml", "composer.json"),
        *("build.gradle", "build.gradle.kts"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The RUN at `line` would read `path` (in the context), which a later COPY brings; `lines` would bring it
    before, with what else it would read of this member."""

    line: int
    path: str
    lines: tuple[str, ...]


def missing(subject: Subject) -> tuple[Missing, ...]:
    """What is missing in all stages, in the order of the file. Raises DockerfileSyntax as `graph` does."""
    found: list[Missing] = []
    for index in range(len(subject.dockerfile.stages)):
        nodes = nodes_of(subject, index)[1]
        for at, node in enumerate(nodes):
            if node.step.keyword == "RUN":
                found += _missing_at(subject, index, nodes, at)
    return tuple(found)


def _missing_at(subject: Subject, stage: int, nodes: Sequence[Node], at: int) -> list[Missing]:
    run = nodes[at]
    there = {to: name for node in nodes[:at] for to, name in node.files.items()}
    # without a member that its manifest names, most tools fail, and what they read can't be told
    read = (to for to in there if run.unknown or any(covers(tree, to) for tree in run.reads))
    listed = {_family(to) for to in read} - {None}
    found: dict[str, Missing] = {}
    for later in range(at + 1, len(nodes)):
        copy = nodes[later]
        wanted = [to for to in copy.files if to not in there and _family(to) in listed]
        reads = _reads_after(subject, stage, nodes, at, later) if wanted else frozenset[str]()
        for path in wanted:
            lines = _lines(copy, path, reads, there)
            if path not in found and lines and all(lines):
                found[path] = Missing(line=run.line, path=copy.files[path], lines=lines)
    return list(found.values())


def _lines(copy: Node, path: str, reads: frozenset[str], there: Mapping[str, str]) -> tuple[str, ...]:
    """COPY lines for what is read below a manifest's directory; none if the manifest is not read."""
    member = posixpath.dirname(path)
    files = [to for to in copy.files if covers(member, to) and copy.writes.entries[to][0] == "file"]
    wanted = [to for to in files if to not in there and any(covers(tree, to) for tree in reads)]
    return tuple(file_lines(copy, wanted)) if path in wanted else ()


def _family(path: str) -> tuple[str, str] | None:
    """What a member's manifest has in common with those of its siblings: name, and the directory of all."""
    name = posixpath.basename(path)
    return (name, posixpath.dirname(posixpath.dirname(path))) if name in MANIFESTS else None


def _reads_after(subject: Subject, stage: int, nodes: Sequence[Node], at: int, later: int) -> frozenset[str]:
    """What a RUN would read if a COPY below it came before; nothing if that can't be told."""
    order = [*range(at), later, *(each for each in range(at, len(nodes)) if each != later)]
    indices = [nodes[each].instruction.index for each in order]
    text = reordered(subject.dockerfile, indices)
    moved = replace(subject, dockerfile=parse(text, subject.dockerfile.name))
    run = nodes_of(moved, stage)[1][at + 1]
    return frozenset() if run.unknown else run.reads
