"""Whether a cache is whole, for people and as JSON. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.reports import words

if TYPE_CHECKING:
    from fastbuild.cache.verify import Fault, Verified

VERSION = 1


def render(found: Verified, form: str) -> str:
    """As `fastbuild cache verify` shows it."""
    if form == "json":
        return json.dumps(_fields(found), indent=2) + "\n"
    inventory = found.inventory
    rows = [_fault(each) for each in found.faults]
    rows += [
        f"not read   {words.one_line(each.key)}: {words.one_line(each.problem)}" for each in found.unread
    ]
    rows += [f"foreign    {words.one_line(key)}" for key in inventory.foreign]
    rows += [f"dropped    {words.one_line(name)}: the next build misses" for name in found.dropped]
    rows += [f"deleted    {words.one_line(key)}" for key in found.deleted]
    if found.faults and not found.mended and not found.dropped:
        rows.append("fastbuild cache verify --repair drops the names that lead to them")
    if found.unread:
        rows.append(
            "a manifest that can't be read keeps prune from deleting blobs: delete it if it is no cache"
        )
    rows.append(
        f"{inventory.label}: {words.plural(len(inventory.names), 'name')}, "
        f"{words.plural(len(inventory.blobs), 'blob')}"
        f"{' read' if found.deep else ''}, {words.plural(len(found.faults), 'fault')}, "
        f"{words.plural(len(inventory.foreign), 'foreign object')}"
    )
    return "\n".join([*rows, ""])


def _fault(fault: Fault) -> str:
    sizes = f" ({fault.found} of {fault.expected} bytes)" if fault.kind == "truncated" else ""
    who = ", ".join(words.one_line(name) for name in fault.names) or "no name"
    return f"{fault.kind:<10} {words.one_line(fault.key)}{sizes}, needed by {who}"


def _fields(found: Verified) -> dict[str, Any]:
    return {
        "version": VERSION,
        "cache": found.inventory.label,
        "whole": found.mended,
        "deep": found.deep,
        "names": len(found.inventory.names),
        "blobs": len(found.inventory.blobs),
        "faults": [
            {
                "kind": each.kind,
                "key": each.key,
                "digest": each.digest,
                "expected_bytes": each.expected,
                "found_bytes": each.found,
                "names": list(each.names),
            }
            for each in found.faults
        ],
        "unread": [{"key": each.key, "problem": each.problem} for each in found.unread],
        "foreign": list(found.inventory.foreign),
        "dropped": list(found.dropped),
        "deleted": list(found.deleted),
    }
