"""Text from a Dockerfile, made harmless: it may hold terminal escapes, CI commands and markup."""

from __future__ import annotations

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, those that reorder or hide text (CVE-2021-42574), and bytes that are no UTF-8."""
_COMMAND = re.compile(r"##(?=\[|vso\[)")
"""Begins a command to a CI runner in any part of a line (GitHub's older form, Azure Pipelines)."""
_PUNCTUATION = re.compile(r"[^\w \t.,;:/()=%+'\"-]|_")


def visible(text: str) -> str:
    """One line in which nothing acts: what can't be seen is shown as an escape (`\\x1b`), tabs as blanks."""
    if text.isascii() and text.isprintable() and "##" not in text:
        return text
    shown = _UNSEEN.sub(lambda match: _escape(match[0]), text).replace("\t", "    ")
    return _COMMAND.sub("## ", shown)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as `decode` keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def markdown(text: str) -> str:
    """One line of Markdown that shows `text`, what stands between backticks as code; fit for a table's cell.

    Everything that could be markup becomes a character reference, which Markdown never reads as markup
    (CommonMark 0.31, 2.5); an `@` would call people on GitHub, so a comment is put behind it.
    """
    parts = visible(" ".join(text.split())).split("`")
    if len(parts) % 2 == 0:  # not in pairs
        return _plain("`".join(parts))
    return "".join(code(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def code(text: str) -> str:
    """`text` as Markdown code that nothing in it can end."""
    return f"<code>{_references(visible(text))}</code>" if text else ""


def _plain(text: str) -> str:
    return _references(text).replace("&#64;", "&#64;<!-- -->")


def _references(text: str) -> str:
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", text)
