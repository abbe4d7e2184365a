"""What the commands of a RUN do, with wrappers such as `sudo`, `env` and `sh -c` looked through."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Call, Word, read_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.dockerfile.shell import Script


class Kind(StrEnum):
    """What a command is for. `PLAIN` are the shell's and coreutils' own, which need no source code."""

    INSTALL = "install"
    REFRESH = "refresh"
    UPGRADE = "upgrade"
    CLEAN = "clean"
    BUILD = "build"
    FETCH = "fetch"
    CLONE = "clone"
    PLAIN = "plain"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One command, classified.

    `tool` is the program or package manager; `args` are the words after its subcommand. `names` are the
    packages, files or addresses it was given; `manifests` the patterns of the files that an install
    reads. `sources` is True when it may need more of the project than those.
    """

    kind: Kind
    tool: str
    call: Call
    args: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    sources: bool = False

    def has(self, *flags: str) -> bool:
        """Whether one of `flags` is among the words, also as `--flag=value`."""
        return any(arg in flags or arg.partition("=")[0] in flags for arg in self.call.args)


_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def mentions(step: Step, names: frozenset[str]) -> bool:
    """Whether a RUN's text holds one of `names` as a word: a cheap look before its commands are read."""
    return step.keyword == "RUN" and not names.isdisjoint(_words(step.instruction.text))


@lru_cache(maxsize=8192)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


def actions(step: Step) -> tuple[Action, ...]:
    """The commands of a RUN in the order of the text; nothing for other instructions and foreign shells."""
    return step.actions if step.keyword == "RUN" else ()


def classified(script: Script) -> tuple[Action, ...]:
    """The commands of a script in the order of its text."""
    from fastbuild.analysis.managers import classify

    return tuple(classify(inner) for call in script.calls for inner in unwrapped(call))


_PREFIXES: dict[str, tuple[frozenset[str], int]] = {
    "sudo": (frozenset({"-u", "-g", "--user", "--group"}), 0),
    "env": (frozenset({"-u", "--unset", "-C", "--chdir"}), 0),
    "nice": (frozenset({"-n", "--adjustment"}), 0),
    "ionice": (frozenset({"-c", "-n"}), 0),
    "timeout": (frozenset({"-s", "-k", "--signal", "--kill-after"}), 1),
    "gosu": (frozenset(), 1),
    "su-exec": (frozenset(), 1),
    "setpriv": (frozenset({"--reuid", "--regid"}), 0),
    "stdbuf": (frozenset(), 0),
    **{name: (frozenset(), 0) for name in ("exec", "time", "nohup", "command", "builtin", "eatmydata")},
    **{name: (frozenset(), 0) for name in ("chronic", "doas", "corepack", "npx", "busybox")},
}
"""Wrappers: their options that take a value, and how many words precede the command."""
_OWN_COMMANDS = frozenset({"enable", "disable", "prepare", "install", "use", "up", "pack"})
"""Corepack's; any other word after it is a package manager."""
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_DASH_C = re.compile(r"-[a-z]*c$")
_PYTHON = re.compile(r"(python|pypy)[\d.]*$")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def unwrapped(call: Call, depth: int = 4) -> Iterator[Call]:
    """The calls behind wrappers; of `sh -c TEXT` those of the text. An unreadable wrapper stays."""
    while depth and (inner := _inner(call)) is not None:
        call = inner
        depth -= 1
    text = _shell_text(call)
    if text is None or not depth:
        yield call
        return
    for each in read_script(text).calls:
        yield from unwrapped(replace(each, nested=True), depth - 1)


def _inner(call: Call) -> Call | None:
    """The call behind one wrapper, None if `call` is none."""
    name = call.name
    words = call.words
    if _PYTHON.match(name) and len(words) > 2 and words[1].value == "-m":
        return replace(call, words=words[2:])
    if name not in _PREFIXES or (name == "corepack" and words[1:2] and words[1].value in _OWN_COMMANDS):
        return None
    with_value, skipped = _PREFIXES[name]
    assignments = list(call.assignments)
    index = 1
    while index < len(words):
        text = words[index].text
        match = _ASSIGNMENT.match(text)
        if match and name in ("env", "sudo"):
            assignments.append((match[1], Word(match[2], None if "$" in match[2] else match[2])))
        elif text.startswith("-"):
            index += text in with_value
        elif skipped:
            skipped -= 1
        else:
            break
        index += 1
    if index >= len(words):
        return None
    return replace(call, words=words[index:], assignments=tuple(assignments))


def _shell_text(call: Call) -> str | None:
    """TEXT of `sh -c TEXT`."""
    if call.name not in _SHELLS:
        return None
    for option, text in zip(call.words[1:], call.words[2:], strict=False):
        if _DASH_C.match(option.text):
            return text.value
    return None
