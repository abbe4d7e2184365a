"""What a cache's blobs belong to: side files say which step made which record, manifests which blob."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.cache.name_parts import NameParts, take_apart
from fastbuild.keys.ops import record_key
from fastbuild.pipeline.side_files import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.cache.inventory import Inventory, Name
    from fastbuild.explain.sidefile import SideFile, StepKey

BASE = "(base image)"
UNKNOWN = "(no step known)"
_OUTPUTS = 4
"""Outputs of an operation that are looked for: a RUN has one, and one for each writable mount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A name with what its side file says (None: there is none), its parts, and its bytes.

    `unique` are the bytes that no other name shares.
    """

    name: Name
    side: SideFile | None
    parts: NameParts | None
    bytes: int
    unique: int

    @property
    def branch(self) -> str:
        """As git spells it where known, else as in the name."""
        return (self.side.branch if self.side else "") or (self.parts.branch if self.parts else "")

    @property
    def written(self) -> float | None:
        """When it was written, or where the storage doesn't say (a registry) built; Unix seconds."""
        return self.name.modified or (self.side.created if self.side else None)

    @property
    def seconds(self) -> float | None:
        """What the build that wrote it spent in its steps; None where unknown."""
        return sum(step.seconds for step in self.side.steps) if self.side else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes of a whole cache, each blob once: by instruction, and without a manifest."""

    names: tuple[Described, ...]
    total: int
    shared: int
    orphans: int
    orphan_blobs: int
    instructions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShare:
    """A step's part of a name: its records, and the blobs that its results end with, with their bytes."""

    text: str
    step: StepKey | None
    records: int
    blobs: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """Of all its blobs."""
        return sum(size for _, size in self.blobs)


def describe_names(inventory: Inventory) -> tuple[Described, ...]:
    """All names, sorted."""
    users: defaultdict[str, int] = defaultdict(int)
    for key in (key for name in inventory.names for key in name.contents.layers):
        users[key] += 1
    found = []
    for name in sorted(inventory.names, key=lambda each: each.name):
        sizes = _sizes(name, inventory)
        found.append(
            Described(
                name=name,
                side=next(read((name.side,)), None) if name.side is not None else None,
                parts=take_apart(name.name),
                bytes=sum(sizes.values()),
                unique=sum(size for key, size in sizes.items() if users[key] == 1),
            )
        )
    return tuple(found)


def usage(inventory: Inventory) -> Usage:
    """Who uses how much. A blob that several instructions made counts for the first in alphabetical order."""
    names = describe_names(inventory)
    sizes: dict[str, int] = {}
    makers: dict[str, str] = {}
    for each in names:
        sizes |= _sizes(each.name, inventory)
        for share in shares(each, inventory):
            for key, _ in share.blobs:
                # a name whose side file is gone must not hide what another one knows
                makers[key] = min(
                    share.text, makers.get(key, share.text), key=lambda t: (t.startswith("("), t)
                )
    by_text: defaultdict[str, int] = defaultdict(int)
    for key, size in sizes.items():
        by_text[makers[key]] += size
    orphans = inventory.orphans
    return Usage(
        names=names,
        total=sum(sizes.values()) + sum(blob.size for blob in orphans),
        shared=sum(sizes.values()) - sum(each.unique for each in names),
        orphans=sum(blob.size for blob in orphans),
        orphan_blobs=len(orphans),
        instructions=tuple(sorted(by_text.items(), key=lambda item: (-item[1], item[0]))),
    )


def shares(described: Described, inventory: Inventory) -> tuple[StepShare, ...]:
    """A name's blobs by step, in the order of the steps; then the base image's, then all others.

    Records of sources and contents are of no step.
    """
    contents, sizes = described.name.contents, _sizes(described.name, inventory)
    steps = described.side.steps if described.side else ()
    number_of = _numbers(steps)
    blobs: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for key, size in sizes.items():
        known = [number_of[record] for record in contents.makers.get(key, ()) if record in number_of]
        other = len(steps) if key in contents.base else len(steps) + 1
        blobs[min(known, default=other)].append((key, size))
    records: defaultdict[int, int] = defaultdict(int)
    for record in contents.records:
        records[number_of.get(record, len(steps) + 1)] += 1
    rows = [*((step.text, step) for step in steps), (BASE, None), (UNKNOWN, None)]
    return tuple(
        StepShare(text=text, step=step, records=records[number], blobs=tuple(sorted(blobs[number])))
        for number, (text, step) in enumerate(rows)
        if step or blobs[number] or records[number]
    )


def _numbers(steps: Sequence[StepKey]) -> dict[str, int]:
    """Digest of a record → number of the first step that makes it."""
    found: dict[str, int] = {}
    for number, step in enumerate(steps):
        for output in range(_OUTPUTS if step.op else 0):
            found.setdefault(record_key(step.op, output), number)
    return found


def _sizes(name: Name, inventory: Inventory) -> Mapping[str, int]:
    """Bytes by blob's key, as they lie there; what is missing costs nothing."""
    return {key: inventory.blobs[key].size for key in name.contents.layers if key in inventory.blobs}
