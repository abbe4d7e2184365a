"""The plaintext of an operation's key as side files keep it: readable, bounded, without secrets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastbuild.explain.hiding import Hider

LONGEST = 20_000
"""Characters of a plaintext; a longer one is dropped, for its digest is kept anyway."""
LONGEST_DATA = 4_000
"""Bytes of a file that is written in the Dockerfile; of a longer one the digest is kept."""


def kept(plaintext: str, hider: Hider) -> str:
    """A plaintext of `keys.ops` with secrets hidden and the actions of file operations decoded."""
    try:
        value = json.loads(plaintext)
    except (ValueError, RecursionError):
        return hider.text(plaintext)[:LONGEST]
    if isinstance(value, dict) and isinstance(value.get("Actions"), list):
        value["Actions"] = [_action(each) for each in value["Actions"]]
    text = json.dumps(hider.tree(value), separators=(",", ":"))
    return text if len(text) <= LONGEST else ""


def _action(encoded: Any) -> Any:
    try:
        action = json.loads(base64.b64decode(encoded))
    except (ValueError, TypeError):
        return encoded
    if isinstance(action, dict) and isinstance(action.get("data"), str):
        action["data"] = _data(action["data"])
    return action


def _data(encoded: str) -> str:
    try:
        raw = base64.b64decode(encoded)
        if len(raw) <= LONGEST_DATA:
            return raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        raw = encoded.encode()
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def read(plaintext: str) -> dict[str, Any] | None:
    """A kept plaintext as a value; None where there is none or it makes no sense."""
    try:
        value = json.loads(plaintext) if plaintext else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
