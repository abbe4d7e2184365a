"""Which records of one cache all inputs of an operation lead to.

Sources: solver/edge.go (`probeCache`, `recalcCurrentState`, `commitOptions`), solver/cachemanager.go
(`Query`, `getIDFromDeps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.keys.ops import record_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastbuild.keys.graph import Op
    from fastbuild.keys.ops import Input
    from fastbuild.keys.records import Records

Ids = frozenset[str]
NONE: Ids = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """One output in one cache. Of each kind those that are certain, and those that need luck as well."""

    found: Ids = NONE
    """The records that it is before it is executed."""
    perhaps: Ids = NONE
    """Those, and what it is if contents that nobody knows yet are right."""
    result: Ids = NONE
    """The records of its result, once that is there: of an executed one too."""
    result_perhaps: Ids = NONE
    again: Ids = NONE
    """The found ones that a search by the keys of the inputs' results leads to as well."""
    shaky: bool = False
    """Found, but only if the engine keeps this cache's key and not that of another shaky one."""
    awaited: Mapping[str, tuple[int, ...]]
    """Per found record the inputs whose result is needed to find it: for their content, or their record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known about one output before the build."""

    here: tuple[Here, ...]  # per cache
    told: bool = True
    """Whether those who use it learn of its records."""
    unknown: bool = False
    """Its key is known only during the build: it may lead anywhere."""
    why: str = ""
    """Why more is possible than found; empty if nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One input of the operation in question, in one cache."""

    cache: Records
    place: int
    how: Input
    state: State
    here: Here
    content: str | None
    name: str  # the operation's record key

    def by_key(self, ids: Ids) -> Ids:
        """The operation's records that these records of the input lead to."""
        name, selector = self.name, self.how.selector
        return NONE.union(*(self.cache.children(id, self.place, name, selector) for id in ids))

    def by_content(self) -> Ids:
        """Those that the input's content leads to, if it is known."""
        if self.content is None or self.how.selections is None:
            return NONE
        root = self.cache.root(record_key(self.content, -1))
        return NONE if root is None else self.cache.children(root, self.place, self.name, "")

    def by_any_content(self) -> Ids:
        """Those that some content leads to, if it isn't known."""
        if self.content is not None or self.how.selections is None:
            return NONE
        return self.cache.by_content.get((self.place, self.name), NONE)

    def anything(self) -> Ids:
        """All, if the input's key isn't known."""
        return self.cache.by_any.get((self.place, self.name), NONE) if self.state.unknown else NONE


def root_here(ids: Ids, op: Op) -> Here:
    """An operation without inputs: it has a record or none."""
    found = NONE if op.ignore_cache else ids
    return Here(found=found, perhaps=found, result=ids, again=ids, result_perhaps=ids, awaited={})


def join(links: Sequence[Link], op: Op) -> Here:
    """The records that all inputs lead to."""
    result = _all(_committed(link) for link in links)
    result_perhaps = _all(_committed_perhaps(link) for link in links)
    if op.ignore_cache:
        return Here(result=result, result_perhaps=result_perhaps, awaited={})
    found = _all(_told(link) | link.by_content() for link in links)
    perhaps = _all(
        _told(link) | _told_perhaps(link) | link.by_content() | link.by_any_content() | link.anything()
        for link in links
    )
    led = [_told_at_once(link) for link in links]
    return Here(
        found=found,
        perhaps=perhaps,
        result=found or result,
        again=result,
        result_perhaps=perhaps | result_perhaps,
        awaited={id: tuple(n for n, ids in enumerate(led) if id not in ids) for id in found},
    )


def _all(ids: Iterable[Ids]) -> Ids:
    first, *rest = ids
    return first.intersection(*rest)


def _told(link: Link) -> Ids:
    return link.by_key(link.here.found | link.here.result) if link.state.told else NONE


def _told_at_once(link: Link) -> Ids:
    """Without waiting for the input's result. Where the key may be lost its content is compared instead."""
    lost = link.here.shaky and link.how.selections is not None
    return link.by_key(link.here.found) if link.state.told and not lost else NONE


def _told_perhaps(link: Link) -> Ids:
    return link.by_key(link.here.perhaps | link.here.result_perhaps) if link.state.told else NONE


def _committed(link: Link) -> Ids:
    """Where an executed operation's record is looked for from this input.

    Any of the input's keys will do for the first input, all of them must lead there for others: so
    `getIDFromDeps` goes. In the engine's own store a content and the key that it came with lead to the same.
    """
    by_key = link.by_key(link.here.result)
    if link.place == 0 or link.cache.own or link.how.selections is None:
        return by_key | link.by_content()
    return by_key & link.by_content()


def _committed_perhaps(link: Link) -> Ids:
    by_key = link.by_key(link.here.result | link.here.result_perhaps) | link.anything()
    by_content = link.by_content() | link.by_any_content()
    if link.place == 0 or link.cache.own or link.how.selections is None:
        return by_key | by_content
    return by_key & by_content
