"""Shell text without compound commands and substitutions, read by the rules of POSIX 2.2, 2.3 and 2.9.

Most RUNs are such: commands joined by `&&`, `;` and pipes. For all else there is no answer here, and the
grammar of `shell_tree` has to do; it is slower, and loses words in places.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell_model import Call, Redirect, Script, Word, wild

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED = re.compile(r"(?:[ \t]|\\\n)+")
_SAFE = re.compile(r"[A-Za-z0-9_./:=@%+,^-]+(?=[ \t\n;]|\Z)")
_PLAIN = re.compile(r"[^ \t\n'\"\\$`;&|<>()]+")
_OPERATOR = re.compile(r"&&|\|\||\|&|\||;;|;|&>>|&>|&|\n|\(|\)")
_REDIRECT = re.compile(r"[0-9]*(<<<|<<-|<<|<&|<>|<\(|>\(|<|>&|>>|>\||>)|(&>>|&>)")
_DOLLAR = re.compile(
    r"\$(?:([A-Za-z_]\w*|[0-9@*#?$!-])|\{([A-Za-z_]\w*|[0-9@*#?$!-])(?:[:=?+%#-]+[\w./,:@ -]*)?\})", re.ASCII
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = frozenset(
    {
        *("if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for"),
        *("select", "in", "function", "coproc", "{", "}", "[[", "]]"),
    }
)
_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})
_IN_DOUBLE = '$`"\\\n'


class _Beyond(Exception):
    """Something that this reader does not know."""


def read_plain(text: str) -> Script | None:
    """The commands of a plain text; None if it is not plain."""
    reader = _Reader(text)
    try:
        reader.run()
    except (_Beyond, IndexError):
        return None
    return Script(calls=tuple(reader.calls), variables=frozenset(reader.variables))


def split_plain(text: str) -> tuple[Word, ...] | None:
    """The words of one simple command, None if it is not plain."""
    reader = _Reader(text)
    found = []
    try:
        while not reader.ends():
            found.append(reader.word()[0])
    except (_Beyond, IndexError):
        return None
    return tuple(found)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.calls: list[Call] = []
        self.variables: set[str] = set()
        self.pending: list[tuple[str, bool, bool]] = []

    def run(self) -> None:
        """Read all lists and pipelines. Raises _Beyond."""
        after = "\n"
        while not self.ends():
            if self.text[self.at] == "\n":
                self._newline()
                continue
            after = self._pipeline(conditional=after == "||")
            if after == "\n":
                self.at -= 1
        if after in ("&&", "||") or self.pending:
            raise _Beyond

    def ends(self) -> bool:
        """Skip blanks and comments; whether nothing follows."""
        if skipped := _SKIPPED.match(self.text, self.at):
            self.at = skipped.end()
        if self.text.startswith("#", self.at):
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        return self.at >= len(self.text)

    def _newline(self) -> None:
        self.at += 1
        for name, expand, chomp in self.pending:
            while True:
                end = self.text.find("\n", self.at)
                if self.at >= len(self.text):
                    raise _Beyond
                line = self.text[self.at : end if end >= 0 else len(self.text)]
                self.at = end + 1 if end >= 0 else len(self.text)
                if (line.lstrip("\t") if chomp else line) == name:
                    break
                if expand:
                    self._body(line)
        self.pending.clear()

    def _body(self, line: str) -> None:
        if "`" in line or "$(" in line or "\\" in line:
            raise _Beyond
        if "$" in _DOLLAR.sub("", line):
            raise _Beyond
        self.variables.update(match[1] or match[2] for match in _DOLLAR.finditer(line))

    def _pipeline(self, *, conditional: bool) -> str:
        """Read commands up to the operator that ends the pipeline, which is returned; empty at the end."""
        first = len(self.calls)
        while True:
            self.calls.append(self._command(conditional=conditional))
            if self.ends():
                operator = ""
                break
            found = _OPERATOR.match(self.text, self.at)
            operator = found[0] if found else ""
            if operator not in ("&&", "||", "|", "|&", ";", "&", "\n"):
                raise _Beyond
            self.at += len(operator)
            if operator not in ("|", "|&"):
                break
            while not self.ends() and self.text[self.at] == "\n":
                self._newline()
        if len(self.calls) > first + 1:
            self.calls[first:] = [replace(call, nested=True) for call in self.calls[first:]]
        return operator

    def _command(self, *, conditional: bool) -> Call:
        words: list[Word] = []
        assignments: list[tuple[str, Word]] = []
        redirects: list[Redirect] = []
        while not self.ends():
            if redirect := _REDIRECT.match(self.text, self.at):
                redirects.append(self._redirect(redirect))
                continue
            if _OPERATOR.match(self.text, self.at):
                break
            word, name = self.word()
            if name and (not words or words[0].text in _DECLARING):
                assignments.append(_assigned(word, name))
                if not words:
                    continue
            if not words and word.text == "!" and not (assignments or redirects):
                continue
            if not words and word.text in _RESERVED:
                raise _Beyond
            words.append(word)
        if not (words or assignments):
            raise _Beyond
        if words and (words[0].text in _DECLARING or words[0].text == "unset"):
            self.variables.update(word.text for word in words[1:] if _NAME.fullmatch(word.text))
        return Call(
            words=tuple(words),
            assignments=tuple(assignments),
            redirects=tuple(redirects),
            conditional=conditional,
        )

    def _redirect(self, found: re.Match[str]) -> Redirect:
        operator = found[1] or found[2]
        if operator in ("<(", ">(", "<>"):
            raise _Beyond
        self.at = found.end()
        if self.ends() or self.text[self.at] in "\n;&|<>()":
            raise _Beyond
        word, _ = self.word()
        if operator in ("<<", "<<-"):
            if word.value is None or "\n" in word.value:
                raise _Beyond
            self.pending.append((word.value, word.text == word.value, operator == "<<-"))
            return Redirect("<<", None)
        return Redirect(operator, None if operator == "<<<" or names_descriptor(operator, word) else word)

    def word(self) -> tuple[Word, str]:
        """The word that begins here, and the name if it is an assignment."""
        start = self.at
        if safe := _SAFE.match(self.text, start):
            self.at = safe.end()
            word = Word(safe[0], safe[0])
        else:
            parts = list(self._parts())
            text = self.text[start : self.at]
            if not text:
                raise _Beyond
            bare = "".join("x" if quoting or part is None else part for part, quoting in parts)
            unknown = wild(bare) or any(part is None for part, _ in parts)
            word = Word(text, None if unknown else "".join(part or "" for part, _ in parts))
        assignment = _ASSIGNMENT.match(word.text)
        return word, assignment[1] if assignment else ""

    def _parts(self) -> Iterator[tuple[str | None, str]]:
        """What the pieces of a word stand for, and the character that quotes them."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if plain := _PLAIN.match(self.text, self.at):
                self.at = plain.end()
                yield plain[0], ""
            elif char == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                self.at += 2
                if escaped != "\n":
                    yield escaped or "\\", "\\"
            elif char == "'":
                end = self.text.find("'", self.at + 1)
                if end < 0:
                    raise _Beyond
                yield self.text[self.at + 1 : end], "'"
                self.at = end + 1
            elif char == '"':
                yield self._double(), '"'
            elif char == "$":
                yield self._dollar(), "$"
            elif char == "`":
                raise _Beyond
            else:
                return

    def _double(self) -> str | None:
        self.at += 1
        found: list[str | None] = []
        while (char := self.text[self.at]) != '"':
            if char == "`":
                raise _Beyond
            if char == "$":
                found.append(self._dollar(quoted=True))
            elif char == "\\" and self.text[self.at + 1] in _IN_DOUBLE:
                found.append(self.text[self.at + 1].replace("\n", ""))
                self.at += 2
            else:
                found.append(char)
                self.at += 1
        self.at += 1
        return None if None in found else "".join(part or "" for part in found)

    def _dollar(self, *, quoted: bool = False) -> str | None:
        following = self.text[self.at + 1 : self.at + 2]
        if match := _DOLLAR.match(self.text, self.at):
            self.at = match.end()
            self.variables.add(match[1] or match[2])
            return None
        if following in ("(", "{", "[", "`", "\\") or (following in ("'", '"') and not quoted):
            raise _Beyond
        self.at += 1
        return "$"


def names_descriptor(operator: str, word: Word) -> bool:
    """Whether a redirection's word is no file: `2>&1`, `>&-`."""
    return operator in (">&", "<&") and bool(re.fullmatch(r"[0-9]+-?|-", word.text))


def _assigned(word: Word, name: str) -> tuple[str, Word]:
    """Name and value of `NAME=value`."""
    length = word.text.index("=") + 1
    value = word.value if word.value is None else word.value[length:]
    return name, Word(word.text[length:], value)
