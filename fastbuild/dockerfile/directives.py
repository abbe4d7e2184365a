"""`# syntax=`, `# escape=` and `# check=`.

Found as frontend/dockerfile/parser/directives.go of BuildKit v0.34.1 does.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import BLANK
from fastbuild.dockerfile.syntax import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BOM = "\ufeff"
_DIRECTIVE = re.compile(r"([A-Za-z][A-Za-z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_NAMES = frozenset({"syntax", "escape", "check"})
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def directives(source: str) -> tuple[tuple[str, str], ...]:
    """The directives in force, in their order; names in lower case. Other forms of the syntax: see `syntax`.

    `escape` is the parser's business, `syntax` and `check` are the frontend's, and the two look a little
    differently: only the parser takes a directive with blanks before it, only the frontend one after
    a shebang.
    """
    parsers = dict(_until_fault(_read(_lines(source), indented=True)))
    frontends = dict(_until_fault(_read(_lines(source, shebang=True))))
    found = {name: value for name, value in parsers.items() if name == "escape"}
    found |= {name: value for name, value in frontends.items() if name != "escape"}
    order = [*parsers, *frontends]
    return tuple(sorted(found.items(), key=lambda item: order.index(item[0])))


def syntax(source: str) -> str | None:
    """The frontend that a file asks for, an image reference; `//` and JSON forms count. None without one."""
    lines = list(_lines(source, shebang=True))
    for prefix in ("#", "//"):
        found = dict(_until_fault(_read(lines, prefix=prefix)))
        if "syntax" in found:
            return found["syntax"].partition(" ")[0]
    text = "".join(lines)
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text).get("syntax")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def preamble(lines: Sequence[str]) -> tuple[str, int]:
    """The escape character, and how many lines mean something only at the top. Raises Fault.

    `lines` are without BOM.
    """
    if lines and lines[0].startswith("#!"):
        return "\\", 1 + len(list(_until_fault(_read(lines[1:]))))
    found: list[tuple[str, str]] = []
    try:
        for directive in _read(lines, indented=True):
            found.append(directive)
    except Fault as fault:
        fault.line = len(found) + 1
        raise
    return dict(found).get("escape", "\\"), len(found)


def _lines(source: str, *, shebang: bool = False) -> Iterator[str]:
    source = source.removeprefix(BOM)
    if shebang and source.startswith("#!"):
        source = source.partition("\n")[2]
    return (match[0] for match in _LINE.finditer(source))


def _read(lines: Iterable[str], *, prefix: str = "#", indented: bool = False) -> Iterator[tuple[str, str]]:
    """Directives up to the first line that is none. Raises Fault."""
    seen = set()
    for raw in lines:
        line = raw.rstrip("\r\n").lstrip(BLANK if indented else "")
        if not line.startswith(prefix):
            return
        match = _DIRECTIVE.fullmatch(line[len(prefix) :].lstrip(BLANK))
        if not match or (name := match[1].lower()) not in _NAMES:
            return
        if name in seen:
            raise Fault(
                f"only one {name} parser directive can be used", fix=f"remove all but one `# {name}=` line"
            )
        seen.add(name)
        if name == "escape" and match[2] not in ("\\", "`") and indented:
            raise Fault(
                f"invalid escape token '{match[2]}' does not match ` or \\",
                fix="write `# escape=` with a backslash or a backtick",
            )
        yield name, match[2]


def _until_fault(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    try:
        yield from pairs
    except Fault:
        return
