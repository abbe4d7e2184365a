from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from fastbuild import process
from fastbuild.errors import EngineError
from fastbuild.process import Command, Conversation, Running, run

pytestmark = pytest.mark.live  # real programs


def sh(script: str) -> Command:
    return Command(argv=("sh", "-c", script))


def test_output_and_exit_code_are_kept() -> None:
    done = process.run(sh("echo out; echo err >&2; exit 3"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_never_started_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="could not be started"):
        process.run(Command(argv=("/no/such/program",)))


def test_a_program_that_hangs_is_given_up() -> None:
    with pytest.raises(EngineError, match=r"within 0\.2 seconds"):
        process.run(sh("sleep 30"), timeout=0.2)


def test_lines_arrive_one_by_one() -> None:
    lines: list[bytes] = []
    assert Running(sh("echo a >&2; printf 'b\\r\\nc' >&2; exit 7")).lines(lines.append) == 7
    assert lines == [b"a", b"b", b"c"]


def alive_in_group(group: int) -> list[str]:
    """Names of the group's processes that still run; one that only waits to be reaped is dead."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, pgrp = rest.split()[:3]
        if int(pgrp) == group and state != "Z":
            found.append(name)
    return found


@pytest.mark.parametrize("trap", ["", "trap '' INT;", "trap '' INT TERM;"])
def test_stop_reaches_the_whole_group_soon(trap: str) -> None:
    running = Running(sh(f"{trap} echo up >&2; sleep 60 & wait; sleep 60"))
    reader = threading.Thread(target=running.lines, args=(lambda _: None,))
    reader.start()
    time.sleep(0.3)
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 20
    reader.join(5)
    assert alive_in_group(running.pid) == []


def test_a_detached_program_outlives_the_call(tmp_path: Path) -> None:
    pid = process.start_detached(sh("echo hello; sleep 30"), log=tmp_path / "log")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (tmp_path / "log").read_text() != "hello\n":
        time.sleep(0.01)
    assert (tmp_path / "log").read_text() == "hello\n"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


BOTH = "echo error >&2; echo one; echo two"


def test_progress_on_standard_output_comes_before_what_is_said_on_standard_error() -> None:
    lines: list[bytes] = []
    running = Running(Command(argv=("sh", "-c", BOTH), reports_on_stdout=True))
    assert running.lines(lines.append) == 0
    assert lines == [b"one", b"two", b"\0error"]


def test_an_answer_goes_to_its_file(tmp_path: Path) -> None:
    lines: list[bytes] = []
    running = Running(Command(argv=("sh", "-c", BOTH), answer=str(tmp_path / "answer")))
    assert running.lines(lines.append) == 0
    assert lines == [b"error"]
    assert (tmp_path / "answer").read_text() == "one\ntwo\n"


def test_an_interruption_does_not_wait_for_a_program_that_goes_on() -> None:
    def interrupt(_: bytes) -> None:
        raise KeyboardInterrupt

    running = Running(Command(argv=("sh", "-c", "echo one; exec sleep 60"), reports_on_stdout=True))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        running.lines(interrupt)
    running.stop()
    assert time.monotonic() - began < 5


class _Rung(BaseException):
    pass


def test_a_child_is_never_lost_to_a_signal_while_it_starts() -> None:
    def ring(number: int, _: object) -> None:
        raise _Rung

    before = signal.signal(signal.SIGINT, ring)
    try:
        for moment in range(60):
            timer = threading.Timer(moment / 20_000, os.kill, (os.getpid(), signal.SIGINT))
            running = None
            try:
                timer.start()
                running = Running(Command(argv=("sleep", "7301234")))
                timer.join()
                time.sleep(0.01)
            except _Rung:
                pass
            if running:
                running.stop()
                running.lines(lambda _: None)
    finally:
        signal.signal(signal.SIGINT, before)
    sleeping = b"sleep\x007301234\x00"
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if _read(p) == sleeping]
    assert left == []


def test_a_conversation_answers_each_question() -> None:
    with Conversation(Command(argv=("cat",))) as cat:
        for size in (0, 1, 40_000):
            cat.ask(b"x" * size + b"\nrest")
            assert cat.line() == b"x" * size
            assert cat.read(4) == b"rest"


def test_a_conversation_with_a_program_that_ends_is_an_error() -> None:
    with Conversation(Command(argv=("head", "-c", "3"))) as head:
        head.ask(b"one\n")
        assert head.read(3) == b"one"
        with pytest.raises(EngineError, match="ended"):
            head.read(1)
        with pytest.raises(EngineError, match="ended"):
            head.line()
    with Conversation(Command(argv=("true",))) as ended, pytest.raises(EngineError, match="ended"):
        ended.ask(b"x" * 1_000_000)


def test_a_conversation_that_can_not_begin_is_an_error() -> None:
    with pytest.raises(EngineError, match="could not be started"):
        Conversation(Command(argv=("/nonexistent",)))


def test_a_closed_conversation_leaves_no_program() -> None:
    with Conversation(Command(argv=("sleep", "7301235"))) as sleeping:
        assert sleeping is not None
    said = b"sleep\x007301235\x00"
    assert [p for p in Path("/proc").glob("[0-9]*/cmdline") if _read(p) == said] == []


def test_names_that_are_not_utf_8_survive_a_program() -> None:
    done = run(Command(argv=("cat",)), stdin="\udcff", errors="surrogateescape")
    assert done.stdout == "\udcff"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
