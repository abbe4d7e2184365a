"""Words of a shell text with the values of those variables that are known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Word

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call

Values = Mapping[str, str | None]
_SIMPLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")


def with_values(call: Call, values: Values, env: Mapping[str, str]) -> Call | None:
    """The call with the words filled in whose variables are known; None if the program isn't."""
    words = tuple(Word(word.text, value_of(word, values, env)) for word in call.words)
    return replace(call, words=words) if words[0].value is not None else None


def value_of(word: Word, values: Values, env: Mapping[str, str]) -> str | None:
    """A word's value, with known variables; None where the shell would do more than replace them.

    `values` are those that the script has set, None where only the shell knows; `env` are the inherited ones.
    """
    if word.value is not None:
        return word.value
    text = word.text
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    elif re.search(r"[\"'*?\[{~\\`]", _SIMPLE.sub("", text)):
        return None
    found = {name: values.get(a or b, env.get(a or b)) for name, a, b in _names(text)}
    if not found or any(
        value is None or not re.fullmatch(r"[\w./:@%+,=-]*", value) for value in found.values()
    ):
        return None
    filled = _SIMPLE.sub(lambda m: found[m[0]] or "", text)
    return None if not filled or re.search(r"[$`\"\\]", filled) else filled


def _names(text: str) -> list[tuple[str, str, str]]:
    return [(m[0], m[1] or "", m[2] or "") for m in _SIMPLE.finditer(text)]
