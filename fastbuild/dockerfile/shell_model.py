"""What a shell text is made of: words, redirections, calls."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WILD = re.compile(r"[*?]|\[.*\]|\{.*[,.].*\}|(?:\A|[=:])~", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `value` is what the command gets, None if only a shell could tell (`$x`, `*`, `~`)."""

    text: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """`operator` is `>`, `>>`, `<`, `<<`, `<<<`, `>|`, `>&`, `<&`, `&>`, `&>>`.

    `target` is the file; None where there is none: heredocs, here-strings, descriptors (`2>&1`, `>&-`).
    """

    operator: str
    target: Word | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A simple command. `nested` means inside a subshell, pipeline, substitution, function, loop or branch.

    `conditional` means after `||` or in a branch.
    """

    words: tuple[Word, ...]
    assignments: tuple[tuple[str, Word], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    nested: bool = False
    conditional: bool = False

    @property
    def name(self) -> str:
        """The program's base name, empty if unknown."""
        value = self.words[0].value if self.words else ""
        return (value or "").rpartition("/")[2]

    @property
    def args(self) -> tuple[str, ...]:
        """All words after the first, as written where the value is unknown."""
        return tuple(w.text if w.value is None else w.value for w in self.words[1:])

    @property
    def literal(self) -> bool:
        """Whether every word's value is known."""
        return all(word.value is not None for word in self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """`calls` in the order of the text. `complete` is False when the grammar failed somewhere."""

    calls: tuple[Call, ...] = ()
    complete: bool = True
    variables: frozenset[str] = field(default_factory=frozenset)
    """Names the text expands or tests."""
    functions: frozenset[str] = field(default_factory=frozenset)


def wild(bare: str) -> bool:
    """Whether the unquoted part of a word may expand: patterns, braces, a home directory."""
    return _WILD.search(bare) is not None
