"""What a waiting user sees of a replay."""

from __future__ import annotations

import io

from fastbuild.commands.replay_progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> str:
    with Progress(stream) as progress:
        progress.begin("today's file", 2)
        for number in range(3):
            progress.at(number)
        progress.building("0cef3d77e", 1, 2)
        progress.building("90e22bc56", 2, 2)
    return stream.getvalue()


def test_without_a_terminal_each_part_and_each_build_is_a_line() -> None:
    assert shown(io.StringIO()).splitlines() == [
        "replay: today's file: 2 commits",
        "replay: building 0cef3d77e (1/2)",
        "replay: building 90e22bc56 (2/2)",
    ]


def test_on_a_terminal_one_line_is_drawn_anew_and_nothing_is_left() -> None:
    text = shown(Terminal())
    assert "\n" not in text
    pictures = [each.rstrip("\x1b[K") for each in text.split("\r")[1:]]
    assert pictures[-1] == ""
    assert "2/2" in pictures[-4]
    assert "building 0cef3d77e: [..............................] 0/2" in pictures
    assert "building 90e22bc56: [###############...............] 1/2" in pictures


def test_a_stream_that_is_closed_does_not_end_the_replay() -> None:
    stream = Terminal()
    stream.close = lambda: None  # type: ignore[method-assign]
    with Progress(stream) as progress:
        progress.begin("today's file", 1)
        io.StringIO.close(stream)
        progress.at(1)
