"""The words of a command: options and their values told from the rest."""

from __future__ import annotations

import re

LOCAL = re.compile(r"[./~]|.*\.(deb|rpm|apk|whl|tgz|tar\.gz|zip)$")
"""A package argument that is a file."""


def split(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def positional(args: tuple[str, ...], with_value: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """`args` without options and the values of those in `with_value`."""
    found: list[str] = []
    skip = False
    for arg in args:
        if skip:
            skip = False
        elif arg.startswith("-") and arg != "-":
            skip = arg in with_value
        else:
            found.append(arg)
    return tuple(found)


def after(args: tuple[str, ...], word: str) -> tuple[str, ...]:
    """The words that follow `word`."""
    return args[args.index(word) + 1 :]
