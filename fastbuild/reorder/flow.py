"""What a shell text's control flow allows to be said of the directory and of variables.

The commands of a script are known, but not which of them run, and when: `a && X=1; b` may leave X as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Script

_SINGLE = r"(?<![&>|<])&(?![&>])"
_SEQUENCE = re.compile(rf"[;\n]|\|\||{_SINGLE}")
_BACKGROUND = re.compile(_SINGLE)
_LOOP = re.compile(r"\b(?:for|while|until|select)\b")
_BARE_REDIRECT = re.compile(r"(?:^|[;|({\n]|&&|&\s|\b(?:then|do|else)\s)\s*\d*[<>](?![<(])")
_SET_BY_SHELL = re.compile(
    r"\b(?:for|select)\s+(\w+)|\$\{(\w+):?=|\b(\w+)\+=|\b(?:declare|typeset|local)\s[^;&|\n]*?(\w+)="
)
_ARITHMETIC = re.compile(r"\(\((.*?)\)\)", re.DOTALL)
_ERREXIT = re.compile(r"-[a-z]*e[a-z]*")


@dataclass(frozen=True, slots=True)
class Flow:
    """`straight`: a `cd` that fails ends the script. `lost` are variables of which no value can be told."""

    straight: bool = True
    lost: frozenset[str] = frozenset()
    problem: str = ""
    """Why nothing at all can be said of the script."""
    again: bool = False
    """Whether a command may run after one that stands behind it in the text."""


def flow(script: Script, text: str) -> Flow:
    """The flow of a script with this text, heredocs included."""
    if _BARE_REDIRECT.search(text):
        return Flow(problem="it has a redirection without a command")
    assigned = {name for call in script.calls for name, _ in call.assignments}
    moves = any(call.name == "cd" for call in script.calls)
    loops = _LOOP.search(text) is not None
    if script.functions and (assigned or moves):
        return Flow(problem="a function may run in another directory or with other variables")
    if loops and any(call.name == "cd" and call.nested for call in script.calls):
        return Flow(problem="it changes the directory in a loop")
    chained, sequence = "&&" in text, _SEQUENCE.search(text) is not None
    lost = {name for match in _SET_BY_SHELL.finditer(text) for name in match.groups() if name}
    lost |= {name for match in _ARITHMETIC.finditer(text) for name in re.findall(r"[A-Za-z_]\w*", match[1])}
    lost |= {name for call in script.calls if call.nested or call.conditional for name, _ in call.assignments}
    lost |= {arg for call in script.calls if call.name == "unset" for arg in call.args}
    if (chained and sequence) or _BACKGROUND.search(text):
        lost |= assigned
    again = loops or bool(script.functions) or _BACKGROUND.search(text) is not None
    return Flow(straight=not sequence or _stops(script, text), lost=frozenset(lost), again=again)


def _stops(script: Script, text: str) -> bool:
    """Whether the first failure ends it: `set -e`, and none of what is exempt from that."""
    first = script.calls[0] if script.calls else None
    on = first is not None and first.name == "set" and any(_ERREXIT.fullmatch(arg) for arg in first.args)
    return on and "&&" not in text and "||" not in text and not _BACKGROUND.search(text)
