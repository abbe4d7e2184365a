"""What makes evidence complete, and what the kernel reads unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastbuild.engines.traced import read_spans
from fastbuild.tracing.chains import Chain
from fastbuild.tracing.evidence import Container, judge, uncovered
from fastbuild.tracing.programs import interpreter
from tests.tracing.test_reduce import BEFORE, END, START

CHAIN = Chain(line=7, instruction="RUN x", texts=())
HEADS = {"/bin/sh": b"\x7fELF", "/app/a": b"#! /app/b -x\nrest", "/app/b": b"#!/link/x"}
LINES = [
    *START,
    '1 openat(AT_FDCWD</app>, "new", O_WRONLY|O_CREAT, 0666) = 3</app/new>',
    '1 openat(AT_FDCWD</app>, "lib", O_RDONLY|O_DIRECTORY) = 3</app/lib>',
    "1 getdents64(3</app/lib>, 0x1 /* 4 entries */, 32768) = 96",
    '1 execve("./a", [...], 0x1) = 0',
    *END,
]
CONTAINER = Container(
    span="abc",
    args=("/bin/sh", "-c", "x"),
    user="0:0",
    env=("PATH",),
    before=replace(BEFORE, mounts=("/mnt/cache", "/proc"), cwd="/app"),
    messages="",
    changed=("/app/", "/app/new", "/mnt/", "/mnt/cache/", "/proc/", "/etc/hosts"),
    lines=lambda: LINES,
    head=lambda path: HEADS.get(path, b"" if path == "/app/lib/x" else None),
)
NAMES = frozenset({"x", "lib"})


def reason(container: Container) -> str:
    reads = judge(container, "sha256:1", CHAIN, NAMES)
    assert not reads.complete
    assert (reads.read, reads.absent, reads.listed, reads.written) == ((), (), (), ())
    return reads.reason


def test_good_evidence() -> None:
    reads = judge(CONTAINER, "sha256:1", CHAIN, NAMES)
    assert (reads.complete, reads.reason) == (True, "")
    assert (reads.vertex, reads.line, reads.instruction, reads.cwd) == ("sha256:1", 7, "RUN x", "/app")
    assert reads.written == ("/app/new",)
    assert (reads.listed, reads.entries) == (("/app/lib",), (("x",),))


def test_interpreters_are_read_though_no_call_says_so() -> None:
    reads = judge(CONTAINER, "sha256:1", CHAIN, NAMES)
    assert {"/app/a", "/app/b", "/link", "/app/lib/x"} <= set(reads.read)


def test_a_program_that_can_not_be_looked_at_is_refused() -> None:
    container = replace(CONTAINER, head=lambda _: None)
    assert "can't be looked at" in reason(container)


def test_a_change_that_no_call_explains_is_refused() -> None:
    assert "/app/b, which is not in the trace" in reason(replace(CONTAINER, changed=("/app/", "/app/b")))
    assert "/srv/made" in reason(replace(CONTAINER, changed=("/srv/", "/srv/made/")))


def test_a_working_directory_that_the_engine_makes_needs_no_call() -> None:
    before = replace(BEFORE, cwd="/app/work")
    assert uncovered(("/app/", "/app/work/"), set(), before) == []
    assert uncovered(("/app/", "/app/work/", "/app/work/x"), set(), before) == ["/app/work/x"]
    assert uncovered(("/app/", "/app/work/"), set(), BEFORE) == ["/app/work"]


def test_an_unknown_layer_is_refused() -> None:
    assert "layer" in reason(replace(CONTAINER, changed=None))


def test_a_call_with_other_arguments_is_refused() -> None:
    lines = [*START, "1 renameat(AT_FDCWD</app>) = 0", *END]
    assert "not understood" in reason(replace(CONTAINER, lines=lambda: lines))


def test_complaints_of_strace_are_refused() -> None:
    assert "strace said: strace: oops" in reason(replace(CONTAINER, messages="strace: oops\n"))


def elf(bits: int, loader: bytes) -> bytes:
    """A head as small as elf(5) allows: header, one PT_LOAD, one PT_INTERP, the loader's name."""
    import struct

    if bits == 64:
        start, size = 64, 56
        header = struct.pack("<16sHHIQQQIHHH", b"\x7fELF\x02\x01", 2, 62, 1, 0, start, 0, 0, 64, size, 2)
        rows = [struct.pack("<IIQQQQ", kind, 0, 200, 0, 0, len(loader)).ljust(size, b"\0") for kind in (1, 3)]
    else:
        start, size = 52, 32
        header = struct.pack("<16sHHIIIIIHHH", b"\x7fELF\x01\x01", 2, 3, 1, 0, start, 0, 0, 52, size, 2)
        rows = [struct.pack("<IIIII", kind, 200, 0, 0, len(loader)).ljust(size, b"\0") for kind in (1, 3)]
    return (header.ljust(start, b"\0") + b"".join(rows)).ljust(200, b"\0") + loader


@pytest.mark.parametrize(
    ("head", "program"),
    [
        (b"#!/bin/sh\nexec true", "/bin/sh"),
        (b"#! /usr/bin/env python3\n", "/usr/bin/env"),
        (b"#!\n", ""),
        (b"plain text", ""),
        (b"", ""),
        (elf(64, b"/lib64/ld.so\0"), "/lib64/ld.so"),
        (elf(32, b"/lib/ld.so\0"), "/lib/ld.so"),
        (elf(64, b"/lib64/ld.so\0")[:100], ""),
    ],
)
def test_who_runs_a_program(head: bytes, program: str) -> None:
    assert interpreter(head) == program


def test_spans_name_their_vertex() -> None:
    span = (
        '{{"SpanContext": {{"SpanID": "{}"}}, "Attributes": [{{"Key": "{}", "Value": {{"Value": "{}"}}}}]}}\n'
    )
    text = span.format("1", "vertex", "sha256:a") + span.format("2", "other", "x")
    text += span.format("3", "vertex", "sha256:b") + span.format("3", "vertex", "sha256:c")
    assert read_spans(text) == {"1": "sha256:a"}
    assert read_spans("") == {}
