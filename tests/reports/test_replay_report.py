from __future__ import annotations

import json

from fastbuild.explain.replay import replay
from fastbuild.git.commits import Commit
from fastbuild.reports.replay import Column, Replay, render_markdown, render_text
from fastbuild.reports.replay_json import to_json
from fastbuild.reports.replay_real import Real, Sample
from tests.explain.builds import moment

COMMITS = tuple(Commit(id=f"{n:040x}", time=1e9 + n, subject=f"Change {n}\x1b[31m|") for n in range(4))


def shown(real: Real | None = None, *notes: str) -> Replay:
    replayed = replay(
        [
            moment(lib="1", src="1"),
            moment("src/a|b", lib="1", src="2"),
            moment("lib/a", lib="2", src="2"),
            "no Dockerfile\x1b[0m",
            moment(lib="2", src="2"),
        ]
    )[1:]
    columns = (Column(name="today", replayed=replayed), Column(name="other", replayed=replayed))
    return Replay(ref="main", commits=COMMITS, columns=columns, notes=notes, real=real)


def real(spearman: float | None) -> Real:
    sample = Sample(
        commit=COMMITS[0],
        steps=5,
        agreed=4,
        undecided=1,
        predicted=1.5,
        measured=2.0,
        differences=("RUN x: ran, and was foreseen to be found",),
    )
    return Real(samples=(sample,), spearman=spearman)


def test_the_table_has_a_column_for_each_file_and_says_what_starts_rebuilds() -> None:
    text = render_text(shown(None, "a note"))
    assert "replay: 4 commits of main" in text
    lines = text.splitlines()
    assert next(line.split() for line in lines if line.startswith("mean")) == ["mean", *("5.1", "s") * 2]
    assert "today: what starts rebuilds" in text
    assert "lib/a (1)" in text
    assert "1 not buildable, the first: 000000000: no Dockerfile" in text
    assert lines[-1] == "a note"


def test_a_column_that_equals_an_earlier_one_is_told_in_a_line() -> None:
    text = render_text(shown())
    assert "other: the same as today" in text
    assert text.count("what starts rebuilds") == 1
    page = render_markdown(shown())
    assert "other: the same as today" in page
    assert page.count("what starts rebuilds") == 1


def test_no_control_character_of_a_commit_reaches_the_terminal() -> None:
    for text in (render_text(shown()), render_markdown(shown())):
        assert "\x1b" not in text


def test_bars_in_names_do_not_break_a_table_of_markdown() -> None:
    rows = [line for line in render_markdown(shown()).splitlines() if "src/a" in line]
    assert rows
    assert all(r"src/a\|b" in row for row in rows)


def test_real_builds_are_compared_step_by_step() -> None:
    text = render_text(shown(real(0.934)))
    assert "steps as predicted: 80.0 %" in text
    assert "Spearman of seconds: 0.93" in text
    assert "RUN x: ran, and was foreseen to be found" in text
    assert "too few builds" in render_markdown(shown(real(None)))


def test_the_cold_build_is_in_no_sum_and_what_may_add_is_shown() -> None:
    cold, *rest = (
        Sample(
            commit=commit,
            steps=5,
            agreed=5,
            undecided=1,
            predicted=9.0,
            measured=8.0,
            perhaps=3.0,
            differences=(),
        )
        for commit in COMMITS[:3]
    )
    text = render_text(shown(Real(samples=(cold, *rest), spearman=None, notes=("not built: x",))))
    assert "000000000" in text
    assert "the first, cold" in text
    assert "Change 1" in text
    assert "without the cold build: predicted 18.0 s (may add 6.0 s), measured 16.0 s" in text
    assert "100.0 % of 15, and 3 steps that only building tells" in text
    assert "not built: x" in text


def test_a_rank_says_what_ties_allow_and_why_there_is_none() -> None:
    samples = tuple(
        Sample(
            commit=COMMITS[0],
            steps=1,
            agreed=1,
            undecided=0,
            predicted=9.0,
            measured=float(number),
            differences=(),
        )
        for number in range(5)
    )
    assert "0.71 (at most 0.75: some" in render_text(shown(Real(samples=samples, spearman=0.71, limit=0.75)))
    assert "at most" not in render_text(shown(Real(samples=samples, spearman=0.9, limit=1.0)))
    text = render_text(shown(Real(samples=samples, spearman=None)))
    assert "not defined: all commits are foreseen to take the same" in text


def test_json_has_every_commit_with_its_reasons() -> None:
    found = json.loads(json.dumps(to_json(shown(real(None)))))
    assert found["version"] == 1
    column = found["columns"][0]
    assert [len(each["reruns"]) for each in column["commits"]] == [3, 4, 0, 0]
    assert column["commits"][0]["reruns"][0]["files"] == ["src/a|b"]
    assert column["commits"][2]["problem"].startswith("no Dockerfile")
    assert column["maybe_seconds"] == 4.25
    assert (found["real"]["spearman"], found["real"]["spearman_limit"]) == (None, None)
    assert found["real"]["builds"][0]["maybe_seconds"] == 0
