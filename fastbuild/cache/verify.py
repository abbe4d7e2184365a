"""Is a cache whole? Finds blobs that a build would look for in vain, and drops what leads to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.cache.inventory import Inventory, Name, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A blob that is `missing`, `truncated` (another size) or `damaged` (other bytes); sizes in bytes.

    `names` are those that need it; none for a damaged blob that no manifest names.
    """

    kind: str
    key: str
    digest: str
    expected: int | None
    found: int | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found, and by `repair`: the names that were dropped, the keys of blobs that were deleted.

    `unread` are names whose manifest BuildKit would not import.
    """

    inventory: Inventory
    faults: tuple[Fault, ...]
    deep: bool
    dropped: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[Name, ...]:
        """Names whose manifest can't be read."""
        return tuple(name for name in self.inventory.names if name.problem)

    @property
    def mended(self) -> bool:
        """Whether nothing is wrong any more."""
        led = {name for fault in self.faults for name in fault.names}
        left = {fault.key for fault in self.faults if fault.kind != "missing"} - set(self.deleted)
        return not self.unread and led <= set(self.dropped) and not left


def verify(store: Store, *, deep: bool, repair: bool) -> Verified:
    """Look at every blob that a manifest names; `deep` also reads all of them. Raises CacheReadError."""
    inventory = store.read()
    faults = tuple(sorted(_faults(store, inventory, deep=deep), key=lambda each: each.key))
    found = Verified(inventory=inventory, faults=faults, deep=deep)
    return _repaired(store, found) if repair and faults else found


def _faults(store: Store, inventory: Inventory, *, deep: bool) -> Iterator[Fault]:
    wanted: dict[str, tuple[str, int, list[str]]] = {}
    for name in inventory.names:
        for key, (digest, size) in name.contents.layers.items():
            wanted.setdefault(key, (digest, size, []))[2].append(name.name)
    for key, (digest, size, names) in wanted.items():
        lies = inventory.blobs.get(key)
        # a second look: an export may have come in between the two lists
        found = lies.size if lies and lies.size == size else store.size_of(key)
        if found != size:
            kind = "missing" if found is None else "truncated"
            yield Fault(kind=kind, key=key, digest=digest, expected=size, found=found, names=tuple(names))
        elif deep and store.digest_of(key) != digest:
            yield Fault(
                kind="damaged", key=key, digest=digest, expected=size, found=found, names=tuple(names)
            )
    for blob in inventory.orphans if deep else ():
        if store.digest_of(blob.key) not in (blob.digest, None):
            size = blob.size
            yield Fault(kind="damaged", key=blob.key, digest=blob.digest, expected=None, found=size, names=())


def _repaired(store: Store, found: Verified) -> Verified:
    """Names first. Then damaged blobs, which exports take for whole because they are there."""
    led = {name for fault in found.faults for name in fault.names}
    dropped = [name.name for name in found.inventory.names if name.name in led and store.drop(name)]
    bad = {fault.key for fault in found.faults if fault.kind != "missing"}
    left = {fault.key for fault in found.faults if not set(fault.names) <= set(dropped)}
    lying = (blob for key, blob in found.inventory.blobs.items() if key in bad - left)
    deleted = [blob.key for blob in lying if store.discard(blob)]
    return replace(found, dropped=tuple(sorted(dropped)), deleted=tuple(sorted(deleted)))
