"""What a cache's pruning does or would do, for people and as JSON. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastbuild.reports import words
from fastbuild.reports.cache_names import age

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastbuild.cache.inventory import Blob
    from fastbuild.cache.prune import Pruned
    from fastbuild.cache.prune_plan import Policy

VERSION = 1


def render(pruned: Pruned, policy: Policy, form: str) -> str:
    """As `fastbuild cache prune` shows it."""
    if form == "json":
        return json.dumps(_fields(pruned), indent=2) + "\n"
    would = "would " if pruned.dry_run else ""
    done = ("drop", "delete") if pruned.dry_run else ("dropped", "deleted")
    now = pruned.inventory.now
    rows = [
        f"{would}{done[0]} {words.one_line(drop.name.name)}: {drop.reason}, "
        f"written {age(drop.name.modified, now)} ago"
        for drop in pruned.drops
    ]
    rows += [f"kept {words.one_line(name.name)}: written in the meantime" for name in pruned.kept]
    rows += [
        f"dropped {words.one_line(name.name)}: an export wrote it while one of its blobs went"
        for name in pruned.broken
    ]
    going = _going(pruned)
    rows.append(f"{would}{done[1]} {words.plural(len(going), 'blob')}, {words.size(_bytes(going))}")
    rows += _waiting(pruned, policy)
    if pruned.inventory.foreign:
        count = words.plural(len(pruned.inventory.foreign), "foreign object")
        rows.append(f"{count} left alone: fastbuild cache verify lists them")
    return "\n".join([*rows, ""])


def _waiting(pruned: Pruned, policy: Policy) -> list[str]:
    sweep = pruned.sweep
    rows = []
    if sweep.blocked:
        rows.append(
            f"no blob goes while {words.one_line(sweep.blocked[0])} can't be read: it could need any; "
            "see fastbuild cache verify"
        )
    if sweep.waiting:
        count = words.plural(len(sweep.waiting), "blob")
        grace, refresh = _span(policy.grace), _span(policy.touch_refresh)
        rows.append(
            f"{count}, {words.size(_bytes(sweep.waiting))}, wait: one goes "
            f"when it is older than {refresh} + {grace} and two runs, {grace} apart, find no name for it"
        )
    return rows


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"


def _going(pruned: Pruned) -> tuple[Blob, ...]:
    if pruned.dry_run:
        return pruned.sweep.delete
    return tuple(blob for blob in pruned.sweep.delete if blob.key in pruned.swept)


def _bytes(blobs: Iterable[Blob]) -> int:
    return sum(blob.size for blob in blobs)


def _fields(pruned: Pruned) -> dict[str, Any]:
    going = _going(pruned)
    return {
        "version": VERSION,
        "cache": pruned.inventory.label,
        "dry_run": pruned.dry_run,
        "names": [{"name": drop.name.name, "reason": drop.reason} for drop in pruned.drops],
        "kept": [name.name for name in pruned.kept],
        "broken": [name.name for name in pruned.broken],
        "blobs": [{"key": blob.key, "bytes": blob.size} for blob in going],
        "bytes": _bytes(going),
        "waiting_blobs": len(pruned.sweep.waiting),
        "waiting_bytes": _bytes(pruned.sweep.waiting),
        "blocked_by": list(pruned.sweep.blocked),
        "foreign": list(pruned.inventory.foreign),
    }
