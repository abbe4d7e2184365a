"""Variables in the words of a Dockerfile, expanded as BuildKit expands them.

Source: frontend/dockerfile/shell/lex.go of BuildKit v0.34.1. It resembles a shell and is none: `$$` is the
empty value of a variable named `$`, words nested in `${V:-word}` are expanded whether used or not, and an
escape character vanishes even where it escapes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import FOREIGN, Lexer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.dockerfile.lexer import Quotes

_DOLLAR = re.compile(r"\$(?:\{[#!]?)?([A-Za-z_][A-Za-z0-9_]*)")
_PERCENT = re.compile(r"%([A-Za-z_][A-Za-z0-9_]*)(?=%)")
_POWERSHELL = re.compile(r"\$\{?env:([A-Za-z_][A-Za-z0-9_]*)", re.IGNORECASE)
_ARITHMETIC = re.compile(r"\(\(.*?\)\)|\$\[.*?\]", re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """An expanded word. `used` names every variable looked up, `unset` those of them without a value."""

    text: str
    used: frozenset[str] = frozenset()
    unset: frozenset[str] = frozenset()


def expand(
    text: str, values: Mapping[str, str], escape: str = "\\", *, quotes: Quotes = "process"
) -> Expanded:
    """`text` with its variables replaced. `escape` is the Dockerfile's escape character; heredocs use `\\`.

    Raises DockerfileSyntax with BuildKit's words, which name no line.
    """
    if not _plain_start(escape, quotes).fullmatch(text):
        lexer = Lexer(text, values, escape, quotes)
        return Expanded(text=lexer.run(), used=frozenset(lexer.used), unset=frozenset(lexer.unset))
    return Expanded(text=text)


def expand_text(text: str, values: Mapping[str, str], escape: str = "\\") -> str:
    """The text of `expand`. Raises DockerfileSyntax."""
    plain = _plain_start(escape, "process").fullmatch(text)
    return text if plain else Lexer(text, values, escape, "process").run()


def references(text: str) -> frozenset[str]:
    """Names of variables that any text may refer to, however quoted: shell, PowerShell or a Dockerfile's.

    Finds `$V`, `${V…}`, `${#V}`, `${!V}`, `%V%`, `$env:V` and names in shell arithmetic; for a program that
    reads its environment by itself see `mentions`.
    """
    names: set[str] = set()
    if "$" in text:
        names.update(_DOLLAR.findall(text))
        names.update(_POWERSHELL.findall(text))
    if "%" in text:
        names.update(_PERCENT.findall(text))
    if "((" in text or "$[" in text:
        for expression in _ARITHMETIC.findall(text):
            names.update(_IDENTIFIER.findall(expression))
    return frozenset(names)


def mentions(text: str) -> frozenset[str]:
    """Every identifier in the text: whoever reads a variable by name in this text is among them."""
    return frozenset(_IDENTIFIER.findall(text))


@lru_cache(maxsize=16)
def _plain_start(escape: str, quotes: Quotes) -> re.Pattern[str]:
    special = "$" + escape + ("" if quotes == "keep" else "\"'")
    return re.compile(f"(?!\ufeff)[^{re.escape(special)}{FOREIGN}]*", re.DOTALL)
