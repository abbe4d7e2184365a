"""The plain part of YAML in which tools write their settings: top-level keys, lists, one level of pairs."""

from __future__ import annotations

import json
import re

from fastbuild.reorder.tools.assigned import Unclear

_KEY = re.compile(r"""^("[^"]+"|'[^']+'|[^\s#:'"&*!|>{\[-][^:#]*):(?:\s+(.*))?$""")
_ITEM = re.compile(r"^\s*-\s+(.*)$")
_PAIR = re.compile(r"""^\s+("[^"]+"|'[^']+'|[^\s#:'"-][^:]*):\s+(.*)$""")


def sections(text: str, path: str) -> dict[str, list[str]]:
    """Top-level key → its values: a scalar, a list's items, or the values of pairs below it at any depth.

    Raises Unclear for anchors, block scalars and flow collections other than a list of texts.
    """
    found: dict[str, list[str]] = {}
    current = ""
    for raw in text.splitlines():
        line = _without_comment(raw)
        if not line.strip() or line in ("---", "..."):
            continue
        if match := _KEY.match(line):
            current = _plain(match[1])
            found[current] = _values(match[2] or "", path)
        elif current and (match := _ITEM.match(line) or _PAIR.match(line)):
            found[current] += _values(match[match.re.groups], path)
        elif not (current and line.startswith(" ") and line.rstrip().endswith(":")):
            raise Unclear(f"`{path}` has a line that fastbuild can't read: {raw.strip()[:60]}")
    return found


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).rstrip() if "#" in line else line.rstrip()


def _values(text: str, path: str) -> list[str]:
    text = text.strip()
    if not text:
        return []
    if text in ("[]", "{}"):
        return []
    if text.startswith("["):
        try:
            return [str(each) for each in json.loads(text.replace("'", '"'))]
        except ValueError:
            raise Unclear(f"`{path}` has a list that fastbuild can't read: {text[:60]}") from None
    if text[0] in "&*!|>{":
        raise Unclear(f"`{path}` has a value that fastbuild can't read: {text[:60]}")
    return [_plain(text)]


def _plain(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
