"""Which stages depend on which: what `--no-cache-filter` has to reach."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastbuild.dockerfile.model import Stage

VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")


def dependants(
    text: str, names: tuple[str, ...], build_args: Mapping[str, str | None] = MappingProxyType({})
) -> tuple[str, ...]:
    """`names` and every stage that builds on or copies from one of them, in file order.

    BuildKit re-runs only the named stages and may serve later ones from results made before
    (reference: solver behaviour of `no-cache=STAGE`), so all that depend on them must be named.
    Unnamed stages have an empty name, which stands for all of them (dockerui.Client.IsNoCache compares
    it with what was written after AS); `names` may give their index. A reference with a variable counts
    as a dependency, to be safe, unless it is a FROM whose global ARGs have values.
    """
    dockerfile = parse(text)
    values: dict[str, str] = {}
    for argument in dockerfile.header:
        values |= _defaults(argument.pairs(), build_args) if argument.keyword == "ARG" else {}
    wanted = {name.lower() for name in names}
    found: list[str] = []
    for stage in dockerfile.stages:
        own = {stage.name, str(stage.index)}
        uses = {_expand(stage.base, values).lower(), *_sources(stage)}
        if (own | uses) & wanted or any("$" in use for use in uses):
            wanted |= own
            if stage.name not in found:
                found.append(stage.name)
    return tuple(found)


def _sources(stage: Stage) -> Iterator[str]:
    """What the stage copies or mounts from, in lower case."""
    for instruction in stage.body:
        for each in (instruction, instruction.trigger):
            named = [each.flag("from"), *(m.get("from") for m in each.mounts())] if each else []
            yield from (name.lower() for name in named if name)


def _defaults(
    declared: Iterable[tuple[str, str | None]], build_args: Mapping[str, str | None]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, default in declared:
        value = build_args.get(name)
        if value is not None or default is not None:
            found[name] = value if value is not None else (default or "").strip("\"'")
    return found


def _expand(text: str, values: Mapping[str, str]) -> str:
    """`text` with the variables that have values replaced; the others stay, `$` and all."""
    return VARIABLE.sub(lambda m: values.get(m[1] or m[2]) or m[3] or m[0], text)
