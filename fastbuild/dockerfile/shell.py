"""RUN text → commands, words, redirections."""

from __future__ import annotations

from functools import lru_cache

from fastbuild.dockerfile.shell_model import Call, Redirect, Script, Word
from fastbuild.dockerfile.shell_plain import read_plain

__all__ = ["Call", "Redirect", "Script", "Word", "read_script"]

LONGEST = 200_000
"""Characters; a longer text is not looked into."""


@lru_cache(maxsize=4096)
def read_script(text: str) -> Script:
    """The commands of a shell text. Never raises.

    A script with `complete` False was not understood: nothing may be concluded from it but what may be
    looked for in any text.
    """
    if len(text) > LONGEST:
        return Script(complete=False)
    found = read_plain(text)
    if found is not None:
        return found
    from fastbuild.dockerfile.shell_tree import read_tree

    return read_tree(text)
