"""What a cache's bytes belong to, for people and as JSON. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.reports import words

if TYPE_CHECKING:
    from fastbuild.cache.inventory import Inventory
    from fastbuild.pipeline.cache_contents import Usage

VERSION = 1
_INSTRUCTION = 80


def render(inventory: Inventory, usage: Usage, form: str) -> str:
    """As `fastbuild cache du` shows it."""
    if form == "json":
        return json.dumps(_fields(inventory, usage), indent=2) + "\n"
    room = max((len(each.name.name) for each in usage.names), default=4)
    rows = [f"{'name':<{room}}  {'size':>8}  {'unique':>8}  {'shared':>8}"]
    for each in usage.names:
        shared = words.size(each.bytes - each.unique)
        row = f"{words.one_line(each.name.name):<{room}}  {words.size(each.bytes):>8}"
        rows.append(f"{row}  {words.size(each.unique):>8}  {shared:>8}")
    rows += ["", f"{'size':>8}  instruction"]
    for text, size in usage.instructions:
        rows.append(f"{words.size(size):>8}  {words.cut(words.one_line(text), _INSTRUCTION)}")
    rows += [
        "",
        f"{words.size(usage.total)} in {inventory.label}; "
        f"{words.size(usage.shared)} shared by several names; "
        f"{words.size(usage.orphans)} in {words.plural(usage.orphan_blobs, 'blob')} that no name needs",
    ]
    if usage.orphan_blobs:
        rows.append("fastbuild cache prune deletes those")
    return "\n".join([*rows, ""])


def _fields(inventory: Inventory, usage: Usage) -> dict[str, Any]:
    return {
        "version": VERSION,
        "cache": inventory.label,
        "bytes": usage.total,
        "shared_bytes": usage.shared,
        "orphan_bytes": usage.orphans,
        "orphan_blobs": usage.orphan_blobs,
        "names": [
            {
                "name": each.name.name,
                "bytes": each.bytes,
                "unique_bytes": each.unique,
                "shared_bytes": each.bytes - each.unique,
            }
            for each in usage.names
        ],
        "instructions": [{"instruction": text, "bytes": size} for text, size in usage.instructions],
    }
