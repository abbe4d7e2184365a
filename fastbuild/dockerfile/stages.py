"""Which stages depend on which: what `--no-cache-filter` has to reach."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?\s*$", re.IGNORECASE)
USES = re.compile(r"(?:--from=|\bfrom=)([^\s,]+)", re.IGNORECASE)


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
    import dockerfile

    wanted = {name.lower() for name in names}
    found: list[str] = []
    values: dict[str, str] = {}
    index, current = -1, ""
    for command in dockerfile.parse_string(text):
        words = " ".join((*command.flags, *command.value))
        if command.cmd.upper() == "FROM":
            index += 1
            match = FROM.match(" ".join(command.value))
            base, name = (match[1], match[2] or "") if match else ("$", "")
            current = name.lower()
            uses = {_expand(base, values).lower()}
        elif command.cmd.upper() == "ARG" and index < 0:
            values |= _defaults(command.value, build_args)
            continue
        else:
            uses = {source.lower() for source in USES.findall(words)}
        own = {current, str(index)}
        if index >= 0 and ((own | uses) & wanted or any("$" in use for use in uses)):
            wanted |= own
            if current not in found:
                found.append(current)
    return tuple(found)


def _defaults(declared: Iterable[str], build_args: Mapping[str, str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in declared:
        name, separator, default = text.partition("=")
        value = build_args.get(name)
        if value is not None or separator:
            found[name] = value if value is not None else default.strip("\"'")
    return found


def _expand(text: str, values: Mapping[str, str]) -> str:
    """`text` with the variables that have values replaced; the others stay, `$` and all."""
    return VARIABLE.sub(lambda m: values.get(m[1] or m[2]) or m[3] or m[0], text)
