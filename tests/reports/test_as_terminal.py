"""Tables and summaries of the recordings, as kept in `golden/`.

After a wanted change: `FASTBUILD_UPDATE_GOLDENS=1 pytest tests/reports`, then read the diff.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fastbuild.history import BuildRecord
from fastbuild.reports.as_terminal import step_table, summary_line
from fastbuild.reports.words import encodable, one_line, seconds, size
from tests import recordings

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", recordings.NAMES)
def test_reports_of_recordings(name: str) -> None:
    record = recordings.record(name, store_was_empty=name.startswith("s3-"))
    text = f"{step_table(record, 100, colour=False)}\n\n{summary_line(record)}\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("FASTBUILD_UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_rows_fit_the_terminal(width: int) -> None:
    record = recordings.record("cold")
    assert max(map(len, step_table(record, width, colour=False).splitlines())) <= max(width, 62)


def test_colour_changes_nothing_but_colour() -> None:
    record = recordings.record("failing")
    coloured = step_table(record, 80, colour=True)
    assert "\x1b[1;31m" in coloured
    assert [one_line(row) for row in coloured.splitlines()] == [
        one_line(row) for row in step_table(record, 80, colour=False).splitlines()
    ]


def test_control_characters_of_a_dockerfile_do_not_reach_the_terminal() -> None:
    record = recordings.record("cold")
    steps = tuple(replace(s, instruction="RUN \x1b[2Ja\x1b]0;t\x07\nb") for s in record.timing.steps)
    record = replace(record, timing=replace(record.timing, steps=steps))
    assert "\x1b" not in step_table(record, 80, colour=False) + summary_line(record)
    assert "RUN a b" in summary_line(record)


def test_a_build_without_steps() -> None:
    record = BuildRecord(id="a", started="", seconds=0.2, result="failed", exit_code=3)
    assert summary_line(record) == "failed after 0.2 s"
    assert step_table(record, 80, colour=False).split() == ["line", "step", "result", "total"]


def test_ascii_streams_get_ascii() -> None:
    text = summary_line(recordings.record("cold"))
    assert encodable(text, "utf-8") == text
    assert encodable(text, "ascii").isascii()
    assert encodable("é", None) == "\\xe9"


def test_numbers_read_well() -> None:
    assert [seconds(s) for s in (0.04, 99.9, 99.96, 125)] == ["0.0 s", "99.9 s", "1 min 40 s", "2 min 5 s"]
    assert [size(b) for b in (0, 999, 1068637, 41_000_000, 9_960_000_000)] == [
        "0 B", "999 B", "1.1 MB", "41 MB", "10 GB",
    ]  # fmt: skip


def test_a_skipped_build_says_which_image_it_is() -> None:
    record = BuildRecord(
        id="1",
        started="",
        seconds=0.94,
        result="ok",
        exit_code=0,
        skipped="image sha256:1 has the same fingerprint",
    )
    assert summary_line(record) == "skipped after 0.9 s · image sha256:1 has the same fingerprint"
