"""Operations that differ in their definition and not in what they do.

BuildKit tells by their keys that they are equal, while it works on them, executes one and passes the others
over (solver/scheduler.go, `dispatch` with `mergeTo`); which one, depends on who comes first. In a build of
several platforms that is so for a step of the context where another step takes other files on each platform:
the directory is sent with other filters then, and is another source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey


def twins(
    graph: Graph, keys: Mapping[str, OpKey | None], contents: Mapping[tuple[str, int], str]
) -> dict[str, str]:
    """By operation that has equals the first of them, itself for the first. Arguments as for `match`."""
    ids: dict[str, str] = {}
    first: dict[object, str] = {}
    for op in graph.ops:
        ids[op.digest] = first.setdefault(_work(op, keys.get(op.digest), contents, ids), op.digest)
    several = {one for digest, one in ids.items() if digest != one}
    return {digest: one for digest, one in ids.items() if one in several}


def _work(
    op: Op, key: OpKey | None, contents: Mapping[tuple[str, int], str], ids: Mapping[str, str]
) -> object:
    if key is None or not op.inputs:
        return op.digest
    inputs = []
    for place, (digest, index) in enumerate(op.inputs):
        content = contents.get((op.digest, place))
        how = key.inputs[place]
        by_content = content is not None and how.selections is not None
        inputs.append((content,) if by_content else (ids[digest], index, how.selector))
    return key.digest, tuple(inputs)
