"""A word of tree-sitter's grammar of bash → what the command gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell_model import Word, wild

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    Text = Callable[[Node], str]

_SAFE = re.compile(r"[A-Za-z0-9_./:=@%+,^-]+")
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)
_IN_QUOTES = re.compile(r'\\([\\"$`])|\\\n')


def word_of(node: Node, text_of: Text) -> Word:
    """The word at `node`; `text_of` gives any node's text."""
    text = text_of(node)
    return Word(text, _value(node, text, text_of))


def _value(node: Node, text: str, text_of: Text) -> str | None:
    """A word's literal value, None if an expansion decides it."""
    if _SAFE.fullmatch(text):
        return text
    kind = node.type
    if kind == "command_name" and node.child_count:
        return _value(node.children[0], text, text_of)
    if kind == "raw_string":
        return text[1:-1]
    if kind == "string":
        if any(child.is_named and child.type != "string_content" for child in node.children):
            return None
        return _IN_QUOTES.sub(lambda m: m[1] or "", text[1:-1])
    if kind == "concatenation":
        return _joined(node, text_of)
    if kind in ("word", "number", "string_content", "$"):
        plain = _UNESCAPE.sub(lambda m: "" if m[1] == "\n" else m[1], text)
        return None if wild(_UNESCAPE.sub("x", text)) else plain
    return None


def _joined(node: Node, text_of: Text) -> str | None:
    bare = "".join(
        "x" if child.type in ("string", "raw_string") else _UNESCAPE.sub("x", text_of(child))
        for child in node.children
    )
    if wild(bare) or any(child.type == "$" for child in node.children[:-1]):
        return None
    parts = [_value(child, text_of(child), text_of) for child in node.children]
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None
