from __future__ import annotations

import io

import pytest

from fastbuild.errors import UsageError
from fastbuild.progress.events import Log, Note, Text, Vertex
from fastbuild.reports.live import PlainView, QuietView, RawView, View, view_for
from tests import recordings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def replay(name: str, view: View) -> None:
    for line in recordings.lines(name):
        view.add_raw(line)
    for event in recordings.events(name):
        view.add(event)
    view.close()
    view.close()


def plain(name: str) -> str:
    stream = io.StringIO()
    replay(name, PlainView(stream))
    return stream.getvalue()


def test_plain_output_of_a_step() -> None:
    text = plain("single")
    assert "[stage-0 4/6] RUN <<EOF (echo heredoc...)\n" in text
    assert " half a line and its rest\n" in text
    assert "\x1b" not in text


def test_plain_says_how_steps_ended() -> None:
    assert "#8 [build 2/6] WORKDIR /src\n#8 CACHED\n" in plain("s3-blobs")
    assert "#5 1.062 to err\n#5 ERROR: process" in plain("failing")
    assert plain("cold").count("[assets 1/2] FROM") == 1


def test_every_step_that_ended_has_an_end() -> None:
    lines = plain("cold").splitlines()
    numbers = {line.split()[0] for line in lines}
    ended = {line.split()[0] for line in lines if " DONE " in line}
    assert numbers == ended


def test_notes_stand_out_and_closing_words_are_left_to_the_error() -> None:
    stream = io.StringIO()
    view = PlainView(stream)
    view.add(Note(text="built again without the cache"))
    view.add(Text(text="error: failed"))
    view.close()
    assert stream.getvalue() == "fastbuild: built again without the cache\n"


def test_warnings_come_at_the_end() -> None:
    assert plain("warned").splitlines()[-5] == "4 warnings:"


def test_half_lines_at_the_end_are_not_lost() -> None:
    stream = io.StringIO()
    view = PlainView(stream)
    view.add(Vertex(id="v", name="n", started=1.0))
    view.add(Log(step="v", stream=1, text="no newline", time=1.5))
    view.add(Vertex(id="v", name="n", started=1.0, completed=2.0))
    view.close()
    assert stream.getvalue() == "#1 n\n#1 no newline\n#1 DONE 1.0s\n"


def test_a_group_folds_the_log() -> None:
    stream = io.StringIO()
    replay("broken", PlainView(stream, opening="::group::build", closing="::endgroup::"))
    lines = stream.getvalue().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("::group::build", "::endgroup::", 5)


def test_an_ascii_stream_is_no_problem() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    view = PlainView(stream)
    view.add(Note(text="naïve · …"))
    stream.seek(0)
    assert stream.read() == "fastbuild: na\\xefve - ~\n"


def test_raw_lines_pass_untouched() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    replay("s3-blobs", RawView(stream))
    assert stream.buffer.getvalue().splitlines() == recordings.lines("s3-blobs")


@pytest.mark.parametrize(
    ("progress", "terminal", "environ", "expected"),
    [
        ("auto", False, {}, "PlainView"),
        ("auto", True, {}, "RichView"),
        ("auto", True, {"CI": "true"}, "PlainView"),
        ("auto", True, {"TERM": "dumb"}, "PlainView"),
        ("tty", False, {}, "RichView"),
        ("plain", True, {}, "PlainView"),
        ("quiet", True, {}, "QuietView"),
        ("none", True, {}, "QuietView"),
        ("rawjson", True, {}, "RawView"),
    ],
)
def test_the_view_follows_flag_and_stream(
    progress: str, terminal: bool, environ: dict[str, str], expected: str
) -> None:
    view = view_for(progress, Terminal() if terminal else io.StringIO(), environ)
    view.close()
    assert type(view).__name__ == expected


def test_an_unknown_value_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="fancy"):
        view_for("fancy", io.StringIO(), {})


@pytest.mark.parametrize("name", recordings.NAMES)
@pytest.mark.parametrize("progress", ["plain", "tty", "rawjson", "quiet"])
def test_a_broken_stream_never_stops_a_build(name: str, progress: str) -> None:
    replay(name, view_for(progress, Broken(), {}))


def test_quiet_is_quiet() -> None:
    replay("cold", QuietView())


def moving(name: str, environ: dict[str, str]) -> str:
    stream = Terminal()
    replay(name, view_for("tty", stream, environ))
    return stream.getvalue()


def test_the_moving_view_tells_ends_errors_and_warnings() -> None:
    assert "CACHED [stage-2 5/5] RUN wc -c /app.txt" in moving("s3-all-hit", {})
    assert "ERROR  [bad 2/3] RUN sleep 1" in moving("failing", {})
    assert "to err" in moving("failing", {})
    assert "warning: WorkdirRelativePath" in moving("warned", {})


def test_no_color_means_no_colour() -> None:
    assert "\x1b[3" not in moving("failing", {"NO_COLOR": "1"})


def test_the_picture_shows_what_runs() -> None:
    from fastbuild.reports.moving import RichView

    now = [0.0]
    view = RichView(Terminal(), colour=False, clock=lambda: now[0])
    view.add(Vertex(id="v", name="[1/2] RUN a", started=100.0))
    view.add(Log(step="v", stream=1, text="one\n\x1b[31mtwo\x1b[0m\nhalf", time=101.0))
    now[0] = 3.0
    rows = [str(row) for row in view.picture().renderables]
    view.close()
    assert rows == ["   3.0s [1/2] RUN a", "        one", "        two"]
