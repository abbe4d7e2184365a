"""strace's output, as recorded and line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastbuild.tracing.strace import (
    Call,
    Ended,
    Forking,
    Replaced,
    TraceError,
    decorated,
    parse,
    quoted,
    unescape,
)

RECORDINGS = Path(__file__).parent / "recordings"


def only(text: str) -> Call:
    (event,) = parse([text])
    assert isinstance(event, Call)
    return event


def test_a_call_with_its_result() -> None:
    call = only('7 openat(AT_FDCWD</app>, "a.txt", O_RDONLY|O_CLOEXEC) = 3</app/a.txt>')
    assert (call.pid, call.name, call.result, call.path) == (7, "openat", 3, "/app/a.txt")
    assert call.args == ["AT_FDCWD</app>", '"a.txt"', "O_RDONLY|O_CLOEXEC"]


def test_a_call_that_failed() -> None:
    call = only('7     access("/x", R_OK)                   = -1 ENOENT (No such file or directory)')
    assert (call.result, call.error, call.path) == (-1, "ENOENT", "")


def test_names_with_everything_in_them() -> None:
    line = r'7 stat("/a \"q\",(1) <\303\251>\n", {st_mode=S_IFREG|0644, st_size=3, ...}) = 0'
    call = only(line)
    assert len(call.args) == 2
    assert quoted(call.args[0]) == '/a "q",(1) <é>\n'


def test_descriptors_with_everything_in_their_paths() -> None:
    call = only(r'7 newfstatat(3</a,(\74b\76 \"c>(deleted), "", {}, AT_EMPTY_PATH) = 0')
    assert decorated(call.args[0]) == '/a,(<b> "c'


def test_bytes_that_are_no_utf_8_are_kept() -> None:
    assert unescape(r"\377x\\\1014").encode("utf-8", "surrogateescape") == b"\xffx\\A4"


def test_a_call_in_two_parts_counts_where_it_began() -> None:
    lines = ['7 openat(AT_FDCWD</>, "x", O_RDONLY <unfinished ...>', "8 fchdir(3</d>) = 0"]
    events = list(parse([*lines, "7 <... openat resumed>) = 4</x>"]))
    assert [(e.line, e.name, e.path) for e in events if isinstance(e, Call)] == [
        (1, "fchdir", ""),
        (0, "openat", "/x"),
    ]


def test_a_child_is_known_by_the_id_of_these_lines() -> None:
    lines = ["7 vfork( <unfinished ...>", "9 +++ exited with 0 +++"]
    events = list(parse([*lines, "7 <... vfork resumed>)  = 12 /* 9 in strace's PID NS */"]))
    assert isinstance(events[0], Forking)
    assert events[1] == Ended(1, 9, 0)
    assert isinstance(events[2], Call)
    assert events[2].child == 9


def test_a_call_cut_off_by_death_has_no_result() -> None:
    call, end = parse(['7 unlink("/x" <unfinished ...>', "7 +++ killed by SIGKILL +++"])
    assert isinstance(call, Call)
    assert (call.name, call.args, call.result) == ("unlink", ['"/x"'], None)
    assert end == Ended(1, 7, -1)


@pytest.mark.parametrize("name", ["???", "????"])
def test_a_thread_may_die_before_its_call_is_known(name: str) -> None:
    call, end = parse([f"7 {name}( <unfinished ...>", "7 +++ exited with 0 +++"])
    assert isinstance(call, Call)
    assert (call.name, call.args, call.result) == (name, [""], None)
    assert end == Ended(1, 7, 0)


def test_a_call_that_is_made_again_has_no_result() -> None:
    call = only('7 openat(AT_FDCWD</>, "x", O_RDONLY) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)')
    assert (call.result, call.error) == (None, "ERESTARTSYS")


@pytest.mark.parametrize(
    "lines",
    [
        ["nonsense"],
        ["7 stat("],
        ['7 stat("/x", {}) = '],
        ['7 stat("/x'],
        ['7 stat("/x" <unfinished ...>'],
        ["7 <... stat resumed>) = 0"],
        ["7 ????? <unfinished ...>", "7 +++ exited with 0 +++"],
        ["7 +++ vanished +++"],
    ],
)
def test_what_is_not_understood_is_no_trace(lines: list[str]) -> None:
    with pytest.raises(TraceError):
        list(parse(lines))


def test_a_real_trace_is_understood_to_its_last_line() -> None:
    lines = (RECORDINGS / "shell.strace").read_text().splitlines()
    events = list(parse(lines))
    assert {e.name for e in events if isinstance(e, Call)} >= {"execve", "pivot_root", "getdents64", "rename"}
    assert isinstance(events[-1], Ended)
    odd = [
        quoted(e.args[1]) for e in events if isinstance(e, Call) and e.name == "openat" and "odd" in e.args[1]
    ]
    assert odd == ['odd "(é), <1>']


def test_a_thread_that_executes_a_program_becomes_its_process() -> None:
    lines = (RECORDINGS / "thread.strace").read_text().splitlines()
    (replaced,) = [event for event in parse(lines) if isinstance(event, Replaced)]
    assert (replaced.call.pid, replaced.call.result) == (replaced.leader, 0)
    assert replaced.pid != replaced.leader
