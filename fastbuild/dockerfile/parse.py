"""Text → `Dockerfile`, without losing a byte.

The loop over lines is that of frontend/dockerfile/parser/parser.go of BuildKit v0.34.1 (Apache-2.0), written
anew: the package that wraps the original holds BuildKit 0.12.5, which misses `<< EOF`, and it dies of lone
surrogates and of signals. tests/live/test_parse.py compares this with BuildKit's own parser, file by file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.dockerfile.directives import BOM, directives, preamble, syntax
from fastbuild.dockerfile.heredocs import markers
from fastbuild.dockerfile.lexer import BLANK
from fastbuild.dockerfile.model import Dockerfile, Flag, Heredoc, Instruction
from fastbuild.dockerfile.syntax import Fault
from fastbuild.dockerfile.words import read_line, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.dockerfile.words import Line

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CONTINUED = {
    "\\": re.compile(r"(?:([^\\])|\A)\\[ \t]*\Z"),
    "`": re.compile(r"(?:([^`])|\A)`[ \t]*\Z"),
}
LONGEST_LINE = 65_535
"""Bytes without the line feed; BuildKit refuses longer ones."""


def decode(raw: bytes) -> str:
    """A Dockerfile's bytes as text that `encode` turns back into the same bytes."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The inverse of `decode`."""
    return text.encode("utf-8", "surrogateescape")


def parse(source: str, name: str = "Dockerfile") -> Dockerfile:
    """Parse; `name` is only for messages. Raises DockerfileSyntax.

    The joined pieces of the result equal `source`. What `validate` refuses is parsed all the same.
    """
    reader = _Reader(source, name)
    try:
        pieces = tuple(reader.pieces())
    except Fault as fault:
        foreign = syntax(source)
        if foreign and "docker/dockerfile" not in foreign and "dockerfile-upstream" not in foreign:
            fault.cause = f"the file is written for the frontend {foreign}, not for Docker's"
            fault.fix = "give a Dockerfile"
        raise fault.at(reader.at, name) from fault
    return Dockerfile(pieces, directives(source), name)


class _Reader:
    """Walks over the lines once. `at` is the line (from 1) of what is being read, for messages."""

    def __init__(self, source: str, name: str) -> None:
        self.bom = BOM if source.startswith(BOM) else ""
        self.lines = _LINE.findall(source.removeprefix(BOM))
        self.name = name
        self.at = 1

    def pieces(self) -> Iterator[str | Instruction]:
        """The pieces of the file. Raises Fault."""
        escape, fixed = self._preamble()
        if self.bom:
            yield self.bom
        done = start = index = 0
        while start < len(self.lines):
            if not self._content(self.lines[start]):
                start += 1
                continue
            self.at = start + 1
            text, end = self._join(start, escape)
            line = read_line(text, escape)
            heredocs, end = self._heredocs(line, end) if "<<" in text else ((), end)
            own = start - self._comments(max(done, fixed), start)
            if own > done:
                yield "".join(self.lines[done:own])
            yield _instruction(
                line,
                heredocs,
                index=index,
                start=start + 1,
                end=end,
                source="".join(self.lines[start:end]),
                comment="".join(self.lines[own:start]),
            )
            index, done, start = index + 1, end, end
        if not index:
            raise Fault("file with no instructions", cause="the file is empty or holds only comments")
        if done < len(self.lines):
            yield "".join(self.lines[done:])

    def _preamble(self) -> tuple[str, int]:
        """The escape character, and how many lines must stay at the top."""
        for number, line in enumerate(self.lines, 1):
            if len(line) > LONGEST_LINE // 4 and len(utf8(line.removesuffix("\n"))) > LONGEST_LINE:
                self.at = number
                raise Fault(
                    f"dockerfile line greater than max allowed size of {LONGEST_LINE}",
                    fix="break the line with continuations, or move its text into a file and COPY that",
                )
        return preamble(self.lines)

    def _content(self, line: str) -> bool:
        """Whether an instruction begins here."""
        line = line.lstrip(BLANK)
        return bool(line) and not line.startswith("#")

    def _join(self, start: int, escape: str) -> tuple[str, int]:
        """A line with its continuations, and the number (from 0) of the line behind them."""
        text, more = _cut(self.lines[start].rstrip("\r\n").lstrip(BLANK), escape)
        found, number = [text], start + 1
        while more and number < len(self.lines):
            line = self.lines[number]
            number += 1
            if self._content(line):  # comments and blank lines inside an instruction are dropped
                text, more = _cut(line.rstrip("\r\n"), escape)
                found.append(text)
        return "".join(found), number

    def _heredocs(self, line: Line, number: int) -> tuple[tuple[Heredoc, ...], int]:
        """The bodies that follow from line `number` (from 0), and the number behind them."""
        found = []
        for marker in markers(line.text) if line.takes_heredocs else ():
            body = []
            while True:
                if number >= len(self.lines):
                    raise Fault(
                        "unterminated heredoc",
                        cause=f"no line after it is just {marker.name}",
                        fix=f"end the heredoc with a line that has {marker.name} and nothing else",
                    )
                text = self.lines[number]
                number += 1
                end = text.rstrip("\r\n")
                if (end.lstrip("\t") if marker.chomp else end) == marker.name:
                    break
                body.append(text)
            found.append(Heredoc(marker.name, "".join(body), expand=marker.expand, chomp=marker.chomp))
        return tuple(found), number

    def _comments(self, low: int, start: int) -> int:
        """How many lines directly above `start` are comments that belong to its instruction."""
        count = 0
        while start - count > low and self.lines[start - count - 1].lstrip(BLANK).startswith("#"):
            count += 1
        return count


def _cut(line: str, escape: str) -> tuple[str, bool]:
    """The line without its continuation character, and whether it had one."""
    if escape not in line[-1:] and line[-1:] not in (" ", "\t"):
        return line, False
    match = _CONTINUED[escape].search(line)
    return (line[: match.start()] + (match[1] or ""), True) if match else (line, False)


def _instruction(
    line: Line,
    heredocs: tuple[Heredoc, ...],
    *,
    index: int,
    start: int,
    end: int,
    source: str,
    comment: str = "",
) -> Instruction:
    bodies = "\n" + "".join(f"{each.content}{each.name}\n" for each in heredocs) if heredocs else ""
    trigger = None
    if line.trigger is not None:
        trigger = _instruction(line.trigger, heredocs, index=index, start=start, end=end, source=source)
    return Instruction(
        index=index,
        keyword=line.keyword,
        start=start,
        end=end,
        source=source,
        text=line.text + bodies,
        comment=comment,
        flags=tuple(map(_flag, line.flags)),
        words=line.words,
        json=line.json,
        heredocs=() if trigger else heredocs,
        trigger=trigger,
    )


def _flag(text: str) -> Flag:
    name, separator, value = text.removeprefix("--").partition("=")
    return Flag(name, value if separator else None)
