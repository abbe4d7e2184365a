"""Programs that run another: off with them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Word

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(python(\d+(\.\d+)?)?|pypy3?)")
_MODULES = frozenset({"pip", "venv", "virtualenv", "uv", "poetry", "pipenv", "ensurepip", "pdm"})
_VALUES = {
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "time": frozenset({"-f"}),
    "exec": frozenset({"-a"}),
    "timeout": frozenset({"-s", "-k"}),
}
_FLAGS = {
    "nice": re.compile(r"-\d+|--adjustment=.*|-n\d+"),
    "ionice": re.compile(r"-[cnt]?\d*|--class=.*"),
    "time": re.compile(r"-[pv]+"),
    "exec": re.compile(r"-[cl]+"),
    "timeout": re.compile(r"--(foreground|preserve-status|verbose|signal=.*|kill-after=.*)"),
    "command": re.compile(r"-p"),
    "nohup": re.compile(r"(?!)"),
    "stdbuf": re.compile(r"-[ioe](0|L|\d+)"),
    "corepack": re.compile(r"(?!)"),
}
_COREPACK = frozenset({"npm", "npx", "pnpm", "pnpx", "yarn", "yarnpkg"})


def unwrap(call: Call) -> Call | None:
    """The command that `sudo`, `env A=B`, `exec`, `time`, `nice`, `timeout`, `corepack` or `python -m` run.

    Assignments are kept, those of `env` and `sudo` added. For `python -m pip` the program's word has the
    value `pip` and the text `python -m pip`, for that form imports from the current directory. None when the
    wrapper is used in a way that can't be followed: the command then is unknown. A command without a
    wrapper comes back as it is.
    """
    for _ in range(8):
        if not call.words or call.words[0].value is None:
            return None if call.words else call
        inner = _once(call)
        if inner is None or inner is call:
            return inner
        call = inner
    return None


def _once(call: Call) -> Call | None:
    name = call.name
    if name == "sudo":
        return _sudo(call)
    if name == "env":
        return _env(call)
    if name in _FLAGS:
        return _plain(call, name)
    if _PYTHON.fullmatch(name):
        return _python(call)
    return call


def _plain(call: Call, name: str) -> Call | None:
    words = list(call.words[1:])
    while words and (words[0].value or "").startswith("-"):
        option = words.pop(0).value or ""
        if option in _VALUES.get(name, ()) and words:
            words.pop(0)
        elif not _FLAGS[name].fullmatch(option):
            return call if name == "command" else None  # `command -v pip` looks, and runs nothing
    if name == "timeout" and words:
        words.pop(0)
    if name == "corepack" and not (
        words and _COREPACK.intersection({(words[0].value or "").partition("@")[0]})
    ):
        return call  # `corepack enable`
    if name == "corepack":
        words[0] = Word(words[0].text, (words[0].value or "").partition("@")[0])
    return replace(call, words=tuple(words)) if words else None


def _sudo(call: Call) -> Call | None:
    """sudo cleans the environment unless told otherwise: https://www.sudo.ws/docs/man/sudo.man/"""
    words = list(call.words[1:])
    while words and (words[0].value or "").startswith("-"):
        option = words.pop(0).value or ""
        if option not in (
            "-E",
            "--preserve-env",
            "-n",
            "--non-interactive",
            "-H",
            "--set-home",
            "-nE",
            "-EH",
            "-HE",
        ):
            return None
    return _assigned(call, words)


def _env(call: Call) -> Call | None:
    words = list(call.words[1:])
    while words and (words[0].value or "").startswith("-"):
        if words.pop(0).value != "--":
            return None  # `-i`, `-u`, `-C`: another environment or directory
    return _assigned(call, words)


def _assigned(call: Call, words: list[Word]) -> Call | None:
    assignments = list(call.assignments)
    while words and (match := _ASSIGNMENT.fullmatch(words[0].text)):
        value = words[0].value
        inner = None if value is None else value.partition("=")[2]
        assignments.append((match[1], Word(match[2], inner)))
        words.pop(0)
    if not words or words[0].value is None:
        return None
    return replace(call, words=tuple(words), assignments=tuple(assignments))


def _python(call: Call) -> Call | None:
    """`python -m pip` → `pip`. Other uses run a program: `call` comes back, and no tool knows it."""
    words = list(call.words[1:])
    taken = [call.words[0].text]
    while words:
        option = words.pop(0)
        taken.append(option.text)
        if option.value == "-m":
            break
        if option.value not in ("-u", "-B", "-E", "-s", "-I", "-P"):
            return call
    if not words or words[0].value not in _MODULES:
        return call
    module = Word(" ".join([*taken, words[0].text]), words[0].value)
    return replace(call, words=(module, *words[1:]))
