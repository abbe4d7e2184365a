"""What BuildKit calls an operation that the frontend gave no name (solver/llbsolver/vertex.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.keys.graph import Op

ACTION_NAMES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "copy": (("src", "dest"), " "),
    "mkdir": (("path",), ""),
    "mkfile": (("path",), ""),
    "rm": (("path",), ""),
    "symlink": (("newpath", "oldpath"), " -> "),
}
"""The fields of a file action that name it, and what stands between them."""
LONGEST = 1000
"""Characters of a name made of names, which would grow without end in a hostile graph."""


def own_name(op: Op, inputs: Sequence[str]) -> str:
    """The name of an operation whose inputs have the names `inputs`."""
    if op.kind == "source":
        return str(op.body.get("identifier") or "")
    if op.kind == "exec":
        return " ".join((op.body.get("meta") or {}).get("args") or ())
    if op.kind == "file":
        return ", ".join(_action_name(action) for action in op.body.get("actions") or ())
    if op.kind == "merge":
        return f"merge ({', '.join(inputs[:100])})"[:LONGEST]
    return op.kind


def _action_name(action: Mapping[str, Any]) -> str:
    for kind, (names, between) in ACTION_NAMES.items():
        if action.get(kind) is not None:
            return f"{kind} {between.join(str(action[kind].get(name) or '') for name in names)}"
    return ""
