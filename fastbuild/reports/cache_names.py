"""The names of a cache, and one of them, for people and as JSON. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastbuild.reports import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.cache.inventory import Inventory
    from fastbuild.pipeline.cache_contents import Described, StepShare

VERSION = 1
_STEP = 60


def render_list(inventory: Inventory, names: Sequence[Described], form: str) -> str:
    """All names, as `fastbuild cache ls` shows them."""
    if form == "json":
        return _json({"cache": inventory.label, "names": [_name(each, inventory) for each in names]})
    room = max((len(each.name.name) for each in names), default=4)
    rows = [
        f"{'name':<{room}}  {'age':>8}  {'records':>7}  {'steps':>5}  {'size':>8}  {'seconds':>8}  commit"
    ]
    rows += [_row(each, inventory, room) for each in names]
    rows += [f"{words.one_line(n.name)}: {words.one_line(n.problem)}" for n in inventory.names if n.problem]
    total = sum(blob.size for blob in inventory.blobs.values())
    return "\n".join(
        [*rows, f"{words.plural(len(names), 'name')} in {inventory.label}, {words.size(total)}", ""]
    )


def _row(described: Described, inventory: Inventory, room: int) -> str:
    name, side = described.name, described.side
    steps = str(len(side.steps)) if side else "?"
    seconds = f"{described.seconds:.1f}" if described.seconds is not None else "?"
    commit = words.one_line(side.commit[:12]) if side else ""
    row = f"{words.one_line(name.name):<{room}}  {age(described.written, inventory.now):>8}"
    row += f"  {len(name.contents.records):>7}  {steps:>5}  {words.size(described.bytes):>8}  {seconds:>8}"
    return f"{row}  {commit}".rstrip()


def render_one(inventory: Inventory, described: Described, shares: Sequence[StepShare], form: str) -> str:
    """One name, as `fastbuild cache inspect` shows it."""
    if form == "json":
        found = _name(described, inventory) | {
            "manifest": described.name.digest,
            "key": described.name.key,
            "results": described.name.contents.results,
            **_built(described),
            "by_step": [_share(share, described) for share in shares],
        }
        return _json({"cache": inventory.label, "name": found})
    name = described.name
    rows = [
        f"{words.one_line(name.name)} in {inventory.label}",
        f"written {age(described.written, inventory.now)} ago: "
        f"{words.plural(len(name.contents.records), 'record')}, "
        f"{name.contents.results} with a result, {words.plural(len(name.contents.layers), 'layer')}, "
        f"{words.size(described.bytes)} ({words.size(described.unique)} of it in no other name)",
        _said(described),
        f"{'line':>4}  {'step':<{_STEP}}  {'records':>7}  {'layers':>6}  {'size':>8}  {'seconds':>8}",
        *(_step_row(share) for share in shares),
    ]
    return "\n".join([*rows, *([words.one_line(name.problem)] if name.problem else []), ""])


def _said(described: Described) -> str:
    side = described.side
    if side is None:
        return "built by: not known, for there is no side file beside it that can be read"
    where = f"commit {side.commit[:12]}" if side.commit else "no commit"
    state = " with changes" if side.dirty else ""
    branch = f" of {side.branch}" if side.branch else ""
    engine = f"{side.engine} {side.engine_version}".strip()
    current = "" if side.manifest == described.name.digest else "; the manifest was written again since"
    return words.one_line(
        f"built by {side.build}: {where}{state}{branch}, {_time(side.created)}, {engine}{current}"
    )


def _step_row(share: StepShare) -> str:
    line = (share.step.line if share.step else None) or ""
    text = words.cut(words.one_line(share.text), _STEP)
    seconds = f"{share.step.seconds:.1f}" if share.step else ""
    row = f"{line:>4}  {text:<{_STEP}}  {share.records:>7}  {len(share.blobs):>6}"
    return f"{row}  {words.size(share.bytes):>8}  {seconds:>8}".rstrip()


def age(modified: float | None, now: float) -> str:
    """`40 s`, `12 min`, `3 h`, `5 days`; `?` where unknown."""
    if modified is None:
        return "?"
    seconds = max(now - modified, 0.0)
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _name(described: Described, inventory: Inventory) -> dict[str, Any]:
    name, parts, side, written = described.name, described.parts, described.side, described.written
    return {
        "name": name.name,
        "repository": parts.repository if parts else None,
        "target": parts.target if parts else None,
        "platform": parts.platform if parts else None,
        "branch": described.branch or None,
        "written": None if written is None else _time(written),
        "age_seconds": None if written is None else round(max(inventory.now - written, 0.0)),
        "records": len(name.contents.records),
        "layers": len(name.contents.layers),
        "steps": len(side.steps) if side else None,
        "bytes": described.bytes,
        "unique_bytes": described.unique,
        "commit": (side.commit or None) if side else None,
        "seconds": round(described.seconds, 3) if described.seconds is not None else None,
        "problem": name.problem or None,
    }


def _built(described: Described) -> dict[str, Any]:
    side = described.side
    if side is None:
        return {"built": None}
    return {
        "built": {
            "build": side.build,
            "created": _time(side.created),
            "commit": side.commit or None,
            "dirty": side.dirty,
            "engine": side.engine,
            "engine_version": side.engine_version,
            "mode": side.mode,
            "current": side.manifest == described.name.digest,
        }
    }


def _share(share: StepShare, described: Described) -> dict[str, Any]:
    layers = described.name.contents.layers
    return {
        "line": share.step.line if share.step else None,
        "step": share.text,
        "records": share.records,
        "bytes": share.bytes,
        "seconds": share.step.seconds if share.step else None,
        "layers": [{"digest": layers[key][0], "bytes": size} for key, size in share.blobs],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(fields: dict[str, Any]) -> str:
    return json.dumps({"version": VERSION, **fields}, indent=2) + "\n"
