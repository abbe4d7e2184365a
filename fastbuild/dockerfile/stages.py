"""Which stages depend on which: what `--no-cache-filter` has to reach."""

from __future__ import annotations

import re

FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?\s*$", re.IGNORECASE)
USES = re.compile(r"(?:--from=|\bfrom=)([^\s,]+)", re.IGNORECASE)


def dependants(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` and every stage that builds on or copies from one of them, in file order.

    BuildKit re-runs only the named stages and may serve later ones from results made before
    (reference: solver behaviour of `no-cache=STAGE`), so all that depend on them must be named.
    Unnamed stages go by their index. A reference with a variable counts as a dependency, to be safe.
    """
    import dockerfile

    wanted = {name.lower() for name in names}
    found: list[str] = []
    index = -1
    for command in dockerfile.parse_string(text):
        words = " ".join((*command.flags, *command.value))
        if command.cmd.upper() == "FROM":
            index += 1
            match = FROM.match(" ".join(command.value))
            base, name = (match[1].lower(), match[2] or str(index)) if match else ("", str(index))
            current = name.lower()
            uses = {base}
        else:
            uses = {source.lower() for source in USES.findall(words)}
        if index >= 0 and (current in wanted or uses & wanted or any("$" in use for use in uses)):
            wanted |= {current, str(index)}
            if current not in found:
                found.append(current)
    return tuple(found)
