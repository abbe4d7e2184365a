"""What the kernel reads on its own when it executes a file: no system call tells."""

from __future__ import annotations

import struct

HEAD = 4096
"""Bytes of a program that `interpreter` wants to see."""
_PT_INTERP = 3


def interpreter(head: bytes) -> str:
    """The program that runs this one: of a script the one after `#!`, of an ELF file its loader; "" if none.

    Formats: execve(2), elf(5).
    """
    if head.startswith(b"#!"):
        words = head[2:256].split(b"\n")[0].split()
        return words[0].decode("utf-8", "surrogateescape") if words else ""
    if head.startswith(b"\x7fELF") and len(head) >= 64:
        try:
            return _loader(head)
        except struct.error:
            return ""
    return ""


def _loader(head: bytes) -> str:
    order = "<" if head[5] == 1 else ">"
    if head[4] == 2:
        (table,) = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
        offset_at, length_at, word = 8, 32, "Q"
    else:
        (table,) = struct.unpack_from(f"{order}I", head, 28)
        size, count = struct.unpack_from(f"{order}HH", head, 42)
        offset_at, length_at, word = 4, 16, "I"
    for row in range(count):
        start = table + row * size
        (kind,) = struct.unpack_from(f"{order}I", head, start)
        if kind == _PT_INTERP:
            (offset,) = struct.unpack_from(f"{order}{word}", head, start + offset_at)
            (length,) = struct.unpack_from(f"{order}{word}", head, start + length_at)
            return head[offset : offset + length].rstrip(b"\0").decode("utf-8", "surrogateescape")
    return ""
