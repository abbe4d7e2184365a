"""What one RUN read and wrote, as it is kept; and whether that still holds for a context."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from fastbuild.hierarchy import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FORMAT = 1
"""Of the JSON; evidence of another format is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReads:
    """What one RUN did to its root file system, by absolute paths inside the container, links resolved.

    A path that the RUN made itself is its own affair from then on: only that it was absent before counts.
    `/proc`, `/sys`, `/dev`, `/etc/resolv.conf` and `/etc/hosts` are the engine's and left out; what lies on a
    `--mount` appears below its target. If not `complete`, for the `reason` given, all paths are missing.

    `vertex` is the digest in the progress stream, `env` the variables' names, `instruction` and `line`
    (from 1) as in the Dockerfile. `read`: opened, executed, or its state or link target looked at; a folder
    in it was looked at, not listed. `absent`: looked for in vain, by the first part of the path that
    was missing. `listed`: directories whose entries were read; `entries` has for each those names from
    before the RUN that occur in the build context. `written`: made, written, removed, renamed, or its mode,
    owner, times, attributes or number of hard links changed; a file opened for writing counts as written.
    """

    vertex: str
    args: tuple[str, ...]
    cwd: str
    user: str
    env: tuple[str, ...]
    instruction: str
    line: int
    complete: bool
    reason: str = ""
    read: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    entries: tuple[tuple[str, ...], ...] = ()
    written: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As one line of JSON; `from_json` is the way back."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RunReads:
        """Raises ValueError for anything but what `to_json` of this version wrote."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ValueError("not evidence of this version")
        if data.keys() != {field.name for field in fields(cls)}:
            raise ValueError("evidence with other fields")
        return cls(**{name: _frozen(value) for name, value in data.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def broken_guards(
    reads: RunReads,
    mapping: Mapping[str, str],
    exists: Callable[[str], bool],
    listing: Callable[[str], tuple[str, ...]],
) -> tuple[str, ...]:
    """The container paths for which the context no longer is what the RUN saw: evidence does not hold then.

    `mapping` has, for each file or directory that COPY and ADD put into the stage before the RUN, its path in
    the container and that in the context (`{"/app": ".", "/app/x": "other/x"}`); the longest match decides.
    `exists` and `listing` (the names in a directory, () for anything else) ask the context as it is sent, so
    without what .dockerignore leaves out. Broken is a path that was looked for in vain and now is there, and
    a listed directory whose names differ. Paths outside of `mapping` belong to the base or to other RUNs.
    """
    broken = []
    for path in reads.absent:
        source = _source(path, mapping)
        copied = any(covers(path, target) for target in mapping)
        if copied or (source is not None and exists(source)):
            broken.append(path)
    for path, before in zip(reads.listed, reads.entries, strict=True):
        source = _source(path, mapping)
        copied_here = {
            target[len(path.rstrip("/")) + 1 :].partition("/")[0] for target in _inside(path, mapping)
        }
        if source is None and not copied_here:
            continue
        now = {*copied_here, *(listing(source) if source is not None else ())}
        if now != set(before):
            broken.append(path)
    return tuple(broken)


def _inside(path: str, mapping: Mapping[str, str]) -> Iterable[str]:
    return (target for target in mapping if target != path and covers(path, target))


def _source(path: str, mapping: Mapping[str, str]) -> str | None:
    """The context path of a container path; None when it does not come from the context."""
    above = [target for target in mapping if covers(target, path)]
    if not above:
        return None
    target = max(above, key=len)
    rest = path[len(target.rstrip("/")) :].strip("/")
    source = mapping[target].strip("/")
    parts = [part for part in (source if source != "." else "", rest) if part]
    return "/".join(parts) or "."
