"""What a side file keeps of the builds whose results its own build replaced, and what that decides."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.explain.compare import explain
from fastbuild.explain.differences import Comparison
from fastbuild.explain.earlier import KEPT, MOST_STEPS, identities, overwriting, was_found
from fastbuild.explain.evidence import CacheEvidence, Evidence, Outcome
from fastbuild.explain.reasons import Cause, Reason
from fastbuild.explain.sidefile import Earlier, StepKey
from fastbuild.explain.stored import MOST_EARLIER, from_json, to_json
from tests.explain.frontend import Project, changed, side
from tests.explain.test_causes import APP, ROWS

if TYPE_CHECKING:
    from fastbuild.explain.sidefile import SideFile

NAME = "s3 shared"
OTHER = changed(APP, replace=("ARG MODE=fast", "ARG MODE=slow"))
"""What branch x builds: RUN pip and all below are others."""


def written(project: Project, build: str, branch: str = "main", **about: Any) -> SideFile:
    """The side file beside a cache that held all of a build's results."""
    found = side(changed(project, about={"branch": branch, **about}), build)
    own = replace(found, cache=NAME, manifest=f"sha256:{build}", mode="max")
    return replace(own, steps=tuple(replace(step, held=True) for step in own.steps))


def after(*builds: SideFile) -> SideFile:
    """The last of them, with what it keeps of those before."""
    last, *rest = builds
    for each in rest:
        last = replace(each, earlier=overwriting(each, last, 1_800_000_000.0))
    return from_json(to_json(last))


def told(now: Project, beside: SideFile, ran: str = "") -> list[Reason]:
    """Why steps ran in a build of main that read the cache of `beside`."""
    found = side(changed(now, ran=ran, about={"branch": "main", "store": "new"}), "now")
    names = {each.name for each in found.steps if each.status == "hit"}
    cache = CacheEvidence(
        label=NAME,
        outcome=Outcome.READ,
        manifest=beside.manifest,
        mode="max",
        results=frozenset(names),
        earlier=beside.earlier,
    )
    return list(explain(found, [beside], Evidence(caches=(cache,))))


@pytest.mark.parametrize("changes", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_steps_are_identical_exactly_if_they_have_one_key(changes: dict[str, Any]) -> None:
    now, before = side(changed(APP, **changes)), side(APP)
    compared, mine, theirs = Comparison(now, before), identities(now.steps), identities(before.steps)
    for number, one in enumerate(mine):
        assert (compared.twin(number) is not None) == (one in theirs and bool(one))


def test_a_step_of_which_something_is_not_known_has_no_identity_and_neither_have_those_on_it() -> None:
    steps = side(APP).steps
    assert all(identities(steps))
    first = replace(steps[0], op="")
    assert identities((first, *steps[1:]))[:2] == ("", "")


def test_the_branch_that_overwrote_is_named_for_each_step_that_it_removed() -> None:
    beside = after(written(APP, "b1"), written(OTHER, "b2", "x"))
    found = told(APP, beside, ran="RUN pip")
    assert [each.sentence for each in found] == [
        "same inputs; the record is gone: branch `x` overwrote `s3 shared` at 2027-01-15 08:00 UTC"
    ]
    assert (found[0].against, found[0].cache, found[0].subject) == ("b1", NAME, "x")


def test_a_step_that_some_cache_held_is_not_called_lost() -> None:
    beside = after(written(APP, "b1"), written(OTHER, "b2", "x"))
    now = side(changed(APP, about={"branch": "main"}), "now")
    held = frozenset(each.name for each in now.steps)
    cache = CacheEvidence(label=NAME, outcome=Outcome.READ, manifest="sha256:b2", earlier=beside.earlier)
    other = CacheEvidence(label="s3 main", outcome=Outcome.READ, results=held)
    for caches in ((replace(cache, results=held),), (cache,), (replace(cache, results=frozenset()), other)):
        found = explain(now, [beside], Evidence(caches=caches))
        assert Cause.OVERWRITTEN not in {each.cause for each in found}


def test_a_file_that_changed_besides_is_named_where_the_other_branch_has_it_as_it_was() -> None:
    beside = after(written(APP, "b1"), written(OTHER, "b2", "x"))
    found = {each.line: each for each in told(changed(APP, files={"src/b.py": "9"}), beside)}
    assert found[8].cause is Cause.OVERWRITTEN
    assert (found[9].cause, found[9].sentence) == (Cause.FILE_CHANGED, "`src/b.py` changed")
    assert found[10].sentence == "follows from line 9 `COPY src src`"


def test_what_changed_besides_is_not_guessed_where_the_other_branch_changed_it_too() -> None:
    theirs = changed(OTHER, files={"src/app.py": "x"})
    beside = after(written(APP, "b1"), written(theirs, "b2", "x"))
    found = {each.line: each for each in told(changed(APP, files={"src/b.py": "9"}), beside)}
    assert found[8].cause is Cause.OVERWRITTEN
    assert found[9].cause is Cause.UNKNOWN
    assert "left no such result" in found[9].sentence


def test_of_several_writers_the_one_that_removed_a_step_is_named() -> None:
    third = changed(OTHER, files={"src/app.py": "y"})
    beside = after(written(APP, "b1"), written(OTHER, "b2", "x"), written(third, "b3", "y"))
    assert {each.subject for each in told(APP, beside, ran="RUN pip")} == {"x"}


def test_a_step_that_came_back_was_lost_by_the_later_writer() -> None:
    chain = written(APP, "b1"), written(OTHER, "b2", "x"), written(APP, "b3", "z"), written(OTHER, "b4", "y")
    (reason,) = told(APP, after(*chain), ran="RUN pip")
    assert (reason.subject, reason.against) == ("y", "b3")


def test_a_branch_that_goes_on_overwrites_nothing() -> None:
    assert after(written(APP, "b1"), written(OTHER, "b2")).earlier == ()
    assert after(written(APP, "b1"), written(OTHER, "b2", "x"), written(OTHER, "b3")).earlier == ()
    one_target = after(written(APP, "b1"), replace(written(OTHER, "b2"), target="build"))
    assert [each.build for each in one_target.earlier] == ["b1"]


def test_only_the_newest_builds_and_so_many_steps_are_kept() -> None:
    many = tuple(replace(step, op=f"sha256:{n}") for n, step in enumerate(written(APP, "b0").steps * 60))
    plain = tuple(StepKey(name=str(n), op=each.op, held=True) for n, each in enumerate(many))
    builds = [replace(written(APP, f"b{n}", f"branch {n}"), steps=plain[n:]) for n in range(8)]
    kept = after(*builds, written(OTHER, "last", "x")).earlier
    assert len(kept) <= KEPT
    assert all(len(each.steps) <= MOST_STEPS for each in kept)
    assert kept[0].build == "b7"
    assert len(to_json(replace(builds[0], earlier=(kept[0],) * KEPT))) < 60_000


SIDE = after(written(APP, "b1"), written(OTHER, "b2", "x"))
RAW = json.loads(gzip.decompress(to_json(SIDE)))
HOSTILE: list[Any] = [
    None,
    {},
    [1],
    [{}],
    [{"build": 1}],
    [{"build": "b", "steps": "abc"}],
    [{"build": "b", "steps": [1]}],
    [{"build": "b", "at": 1e300}],
    [{"build": "b", "platforms": [[]]}],
    [{"build": "b", "steps": ["a"] * 5000}],
    [{"build": "b"}] * (MOST_EARLIER + 1),
    "earlier",
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_what_can_not_be_read_of_earlier_builds_is_none_and_the_rest_is_read(raw: Any) -> None:
    found = from_json(gzip.compress(json.dumps({**RAW, "earlier": raw}).encode()))
    assert found == replace(SIDE, earlier=())


def test_a_side_file_without_them_is_read_and_a_later_field_of_theirs_is_passed_over() -> None:
    old = {key: value for key, value in RAW.items() if key != "earlier"}
    assert from_json(gzip.compress(json.dumps(old).encode())) == replace(SIDE, earlier=())
    newer = {**RAW, "earlier": [{**each, "new": 1} for each in RAW["earlier"]]}
    assert from_json(gzip.compress(json.dumps(newer).encode())) == SIDE


def test_names_from_a_foreign_side_file_are_safe_to_print() -> None:
    bad = Earlier(build="\x1b[31m", by_branch="`\n\x1b]0;", at=1e15, steps=SIDE.earlier[0].steps)
    for reason in told(APP, replace(SIDE, earlier=(bad,)), ran="RUN pip"):
        assert reason.sentence.isprintable()
        assert reason.against.isprintable()


def test_results_were_found_if_one_was_fetched_and_none_of_them_was_made_again() -> None:
    left = written(APP, "b1")
    for project, status, expected in (
        (APP, "hit_remote", True),
        (APP, "hit_local", False),
        (APP, "skipped", False),
        (changed(APP, files={"requirements.txt": "x"}), "hit_remote", True),
    ):
        now = side(project)
        first = next(n for n, step in enumerate(now.steps) if step.status == "ran")
        steps = tuple(
            replace(step, status=status if n == first else "skipped") for n, step in enumerate(now.steps)
        )
        assert was_found(replace(now, steps=steps), left) is expected
        ran = replace(steps[first], status="ran")
        assert not was_found(replace(now, steps=(*steps[:first], ran, *steps[first + 1 :])), left)
