"""Command lines → options and other words, by a table of what is known. What isn't known raises Unclear."""

from __future__ import annotations

from dataclasses import dataclass

from fastbuild.reorder.tools.assigned import Unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """What a program accepts. `flags` take no value, `values` take one; names with their dashes.

    `prefixes` begin words that are options in one piece (`-Dkey=value`). `words` is True for programs with
    long options after one dash (go, mvn, javac), where letters are never joined.
    """

    flags: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    words: bool = False

    def __or__(self, other: Syntax) -> Syntax:
        return Syntax(
            flags=self.flags | other.flags,
            values=self.values | other.values,
            prefixes=self.prefixes + other.prefixes,
            words=self.words or other.words,
        )


@dataclass(frozen=True, slots=True)
class Parsed:
    """Options in their order with their values ("" for flags), and the other words."""

    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of the options was given and not switched off (`--x=false`)."""
        last = [value for name, value in self.options if name in names]
        return bool(last) and last[-1] not in ("false", "0")

    def all(self, *names: str) -> tuple[str, ...]:
        """The values of all options with one of these names."""
        return tuple(value for name, value in self.options if name in names)

    def last(self, *names: str) -> str:
        """The value that counts, "" if there is none."""
        return (self.all(*names) or ("",))[-1]


def names(text: str) -> frozenset[str]:
    """The words of a text, for tables."""
    return frozenset(text.split())


def parse(program: str, args: tuple[str, ...], syntax: Syntax) -> Parsed:
    """Raises Unclear for an option that `syntax` doesn't hold, or that lacks its value."""
    options: list[tuple[str, str]] = []
    words: list[str] = []
    pending = list(args)
    while pending:
        word = pending.pop(0)
        if word == "--":
            words += pending
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
        elif word.startswith(syntax.prefixes) and word not in syntax.flags | syntax.values:
            options.append((word, ""))
        else:
            options += _option(program, word, pending, syntax)
    return Parsed(tuple(options), tuple(words))


def _option(program: str, word: str, pending: list[str], syntax: Syntax) -> list[tuple[str, str]]:
    name, equals, value = word.partition("=")
    if name in syntax.values:
        return [(name, value if equals else _next(program, name, pending))]
    if name in syntax.flags:
        return [(name, value)]
    if word.startswith("--") or syntax.words:
        raise Unclear(f"`{name}` of `{program}` is not an option fastbuild knows")
    return _letters(program, word, pending, syntax)


def _letters(program: str, word: str, pending: list[str], syntax: Syntax) -> list[tuple[str, str]]:
    """`-qr file`, `-rfile`."""
    found: list[tuple[str, str]] = []
    for at, letter in enumerate(word[1:], start=1):
        name, rest = f"-{letter}", word[at + 1 :]
        if name in syntax.values:
            return [*found, (name, rest or _next(program, name, pending))]
        if name not in syntax.flags:
            raise Unclear(f"`{name}` of `{program}` is not an option fastbuild knows")
        found.append((name, ""))
    return found


def _next(program: str, name: str, pending: list[str]) -> str:
    if not pending:
        raise Unclear(f"`{name}` of `{program}` lacks its value")
    return pending.pop(0)
