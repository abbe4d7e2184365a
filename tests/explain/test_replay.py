from __future__ import annotations

import random

import pytest

from fastbuild.explain.replay import Moment, replay
from fastbuild.explain.replay_sums import spearman, totals, worst
from tests.explain.builds import moment


def test_the_same_order_is_one_and_the_opposite_minus_one() -> None:
    values = random.Random(1).sample(range(100), 20)
    assert spearman(values, [value**3 for value in values]) == pytest.approx(1)
    assert spearman(values, [-value for value in values]) == pytest.approx(-1)


def test_ties_share_their_mean_rank() -> None:
    # ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: worked out by hand
    assert spearman([1, 2, 2, 3], [1, 8, 4, 9]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_too_few_pairs_or_no_differences_say_nothing() -> None:
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None


ALL = {"copy lib": True, "make": True, "copy src": True, "copy made": True, "run": True}


def reruns(*moments: Moment | str) -> list[dict[str, bool]]:
    return [{r.instruction.text: r.certain for r in each.reruns} for each in replay(moments)]


def test_the_first_build_runs_everything_and_the_same_one_nothing() -> None:
    assert reruns(moment(lib="1", src="1"), moment(lib="1", src="1")) == [ALL, {}]


def test_a_changed_input_runs_its_step_and_what_stands_on_it() -> None:
    found = reruns(moment(lib="1", src="1"), moment(lib="1", src="2"))
    assert found[1] == {"copy src": True, "copy made": True, "run": True}


def test_what_another_stage_made_may_be_the_same() -> None:
    found = replay([moment(lib="1", src="1"), moment(lib="2", src="1")])
    certain = {"copy lib": True, "make": True, "copy made": False, "run": False}
    assert {r.instruction.text: r.certain for r in found[1].reruns} == certain
    assert (found[1].seconds, found[1].perhaps) == (10.5, 4.25)


def test_content_that_was_built_before_is_found_again() -> None:
    moments = [moment(lib=lib, src=src) for lib, src in ("11", "12", "11", "12", "22", "12", "22")]
    found = reruns(*moments)
    assert [bool(each) for each in found] == [True, True, False, False, True, False, False]


def test_old_contents_together_for_the_first_time_may_be_found_below() -> None:
    moments = [moment(lib=lib, src=src) for lib, src in ("11", "22", "12")]
    assert reruns(*moments)[2] == {"copy made": False, "run": False}


def test_a_commit_that_can_not_be_built_leaves_nothing() -> None:
    found = replay([moment(lib="1", src="1"), "no", moment(lib="2"), moment(lib="1", src="1")])
    assert [each.problem for each in found] == ["", "no", "copy src: a file that it takes is not there", ""]
    assert not found[3].reruns


def test_the_file_and_the_first_instruction_are_blamed() -> None:
    found = replay([moment(lib="1", src="1"), moment("lib/a", "src/b", "docs/c", lib="2", src="2")])
    blamed = {r.instruction.text: (r.root.text, r.why, r.files) for r in found[1].reruns}
    assert blamed["make"] == ("copy lib", "files", ("lib/a",))
    assert blamed["run"] == ("copy src", "files", ("src/b",))


def test_a_new_instruction_is_blamed_itself() -> None:
    found = replay([moment(lib="1", src="1"), moment("lib/a", run="make all", lib="1", src="1")])
    first = found[1].reruns[0]
    assert (first.root.text, first.why) == ("make", "instruction")


def test_sums_count_what_is_certain() -> None:
    found = replay(
        [
            moment(lib="1", src="1"),
            moment("src/a", lib="1", src="2"),
            "no",
            moment("src/a", "src/b", lib="1", src="3"),
            moment("lib/a", lib="2", src="3"),
            moment(lib="2", src="3"),
        ]
    )[1:]
    sums = totals(found)
    assert (sums.commits, sums.failed, sums.seconds, sums.perhaps) == (4, 1, 20.0, 4.25)
    assert (sums.mean, sums.median) == (5.0, 4.75)
    assert [(each.text, each.times, each.seconds) for each in sums.invalidated] == [
        ("copy lib", 1, 10.5),
        ("copy src", 2, 9.5),
    ]
    assert sums.invalidated[1].files == (("src/a", 2), ("src/b", 1))
    assert worst(found, 2) == [3, 0]


def test_nothing_to_sum_is_zero() -> None:
    assert totals(()).seconds == 0
    assert totals(replay(["no"])).failed == 1
