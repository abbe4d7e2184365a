"""Options and operands of ordinary commands. An option that is not in a table makes the command unknown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import unknown

if TYPE_CHECKING:
    from fastbuild.reorder.effects import Effects, Place

GLOB = re.compile(r"[*?\[]")


def split_options(args: tuple[str, ...], plain: str) -> tuple[set[str], list[str]] | None:
    """Options and operands; None if an option is neither in `plain` (single letters) nor `--`.

    `plain` names the letters that take no argument.
    """
    options: set[str] = set()
    operands: list[str] = []
    for at, arg in enumerate(args):
        if arg == "--":
            operands += args[at + 1 :]
            break
        if arg.startswith("--"):
            if arg not in _LONG:
                return None
            options.add(arg)
        elif arg.startswith("-") and len(arg) > 1:
            if any(letter not in plain for letter in arg[1:]):
                return None
            options.update(arg[1:])
        else:
            operands.append(arg)
    return options, operands


_LONG = frozenset(
    {
        *("--recursive", "--force", "--verbose", "--parents", "--symbolic", "--quiet", "--silent"),
        *("--archive", "--no-dereference", "--append", "--no-clobber", "--changes", "--no-preserve-root"),
    }
)


def tree(path: str, place: Place) -> str:
    """The path, or for a pattern the directory that it searches."""
    match = GLOB.search(path)
    if match:
        path = path[: match.start()].rpartition("/")[0] or ("/" if path.startswith("/") else ".")
    return place.absolute(path)


def trees(paths: list[str], place: Place) -> frozenset[str]:
    """`tree` of each."""
    return frozenset(tree(path, place) for path in paths)


def foreign_option(name: str) -> Effects:
    """The effects of a command with an option that is in no table."""
    return unknown(f"`{name}` has an option that fastbuild doesn't know")
