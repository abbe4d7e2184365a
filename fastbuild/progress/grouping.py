"""Which vertices make up one instruction, and in what order instructions are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.progress.rawjson import StepKind

if TYPE_CHECKING:
    from fastbuild.progress.vertices import Track


def is_step(track: Track) -> bool:
    """Whether the vertex belongs to an instruction or brings in a source."""
    return track.name.index > 0 or track.name.kind in (StepKind.FROM, StepKind.SOURCE)


def groups(tracks: list[Track]) -> list[list[Track]]:
    """Vertices of one instruction together, in the order of the build: inputs first."""
    found: dict[tuple[object, ...], list[Track]] = {}
    for track in _inputs_first(tracks):
        if is_step(track):
            name = track.name
            alone = "" if name.index else track.id
            key = (name.platform, name.stage, name.index, name.total, name.instruction, alone)
            found.setdefault(key, []).append(track)
    return [sorted(group, key=_own_first) for group in found.values()]


def _own_first(track: Track) -> tuple[bool, bool]:
    # ADD of a URL or repository gives two vertices of one name: the source has no inputs.
    return (track.name.kind is StepKind.LINK, not track.inputs)


def _inputs_first(tracks: list[Track]) -> list[Track]:
    by_id = {track.id: track for track in tracks}
    ordered: dict[str, Track] = {}
    for root in reversed(tracks):
        stack = [(root, iter(root.inputs))]
        seen = {root.id}
        while stack:
            track, inputs = stack[-1]
            wanted = next((i for i in inputs if i in by_id and i not in ordered and i not in seen), None)
            if wanted is None:
                ordered.setdefault(track.id, track)
                stack.pop()
            else:
                seen.add(wanted)
                stack.append((by_id[wanted], iter(by_id[wanted].inputs)))
    return list(ordered.values())
