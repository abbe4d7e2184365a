"""Steps with equal inputs that ran all the same: what became of their records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastbuild.explain.compare import explain
from fastbuild.explain.evidence import LOCAL, CacheEvidence, Evidence, Outcome, Writer
from fastbuild.explain.reasons import Cause, Reason
from tests.explain.frontend import Project, changed, side
from tests.explain.test_causes import APP

NAME = "s3 repo/main"
WRITTEN = {"cache": NAME, "manifest": "sha256:old", "mode": "max", "store": "one", "branch": "main"}
NOW = changed(APP, ran="ldconfig", about={"branch": "main", "store": "two"})
BEFORE = changed(APP, about=WRITTEN)
STEP = "[stage-1 3/9] RUN ldconfig"
WRITER = Writer(build="b7", branch="topic", platforms=("linux/amd64",), created=1_800_000_000.0)


def read(**changes: Any) -> CacheEvidence:
    fields: dict[str, Any] = {
        "label": NAME,
        "outcome": Outcome.READ,
        "manifest": "sha256:old",
        "mode": "max",
        "results": frozenset(),
        "keys": frozenset(),
    }
    return CacheEvidence(**{**fields, **changes})


def only(evidence: Evidence, now: Project = NOW, before: Project | None = BEFORE) -> Reason:
    earlier = [side(before, "b1")] if before else []
    (reason,) = explain(side(now), earlier, evidence)
    return reason


OVERWRITTEN = read(manifest="sha256:new", writer=WRITER)
OTHER_PLATFORM = Writer(build="b7", branch="main", platforms=("linux/arm64",))
ROWS: list[tuple[str, CacheEvidence, Cause, str]] = [
    (
        "by a branch",
        OVERWRITTEN,
        Cause.OVERWRITTEN,
        "same inputs; the record is gone: branch `topic` overwrote `s3 repo/main` at 2027-01-15 08:00 UTC",
    ),
    (
        "by a platform",
        read(manifest="sha256:new", writer=OTHER_PLATFORM),
        Cause.OVERWRITTEN,
        "same inputs; the record is gone: a build for linux/arm64 overwrote `s3 repo/main`",
    ),
    (
        "by the same branch",
        read(manifest="sha256:new", writer=Writer(build="b7", branch="main", platforms=("linux/amd64",))),
        Cause.OVERWRITTEN,
        "same inputs; the record is gone: build b7 overwrote `s3 repo/main`",
    ),
    (
        "by nobody known",
        read(manifest="sha256:new"),
        Cause.OVERWRITTEN,
        "same inputs; the record is gone: `s3 repo/main` was overwritten by another build",
    ),
    (
        "absent",
        CacheEvidence(label=NAME, outcome=Outcome.ABSENT),
        Cause.EVICTED,
        "same inputs; the record is gone: nothing is left under `s3 repo/main`",
    ),
    (
        "import failed",
        CacheEvidence(label=NAME, outcome=Outcome.FAILED, error="403 Forbidden"),
        Cause.IMPORT_FAILED,
        "same inputs; `s3 repo/main` could not be read: 403 Forbidden",
    ),
    (
        "mode=min",
        read(mode="min", keys=frozenset({STEP})),
        Cause.MODE_MIN,
        "same inputs; `s3 repo/main` has its key but not its result: it was written with mode=min",
    ),
    (
        "mode=min without the key",
        read(mode="min"),
        Cause.MODE_MIN,
        "same inputs; `s3 repo/main` was written with mode=min and lacks its result",
    ),
    ("held", read(results=frozenset({STEP})), Cause.UNKNOWN, "unknown: `s3 repo/main` held its result"),
    ("as it was written", read(), Cause.UNKNOWN, "unknown: `s3 repo/main` is as build b1 wrote it"),
    (
        "manifest not known",
        read(manifest=""),
        Cause.UNKNOWN,
        "unknown: whether `s3 repo/main` was written since is not known",
    ),
]


@pytest.mark.parametrize(("cache", "cause", "sentence"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_became_of_a_record(cache: CacheEvidence, cause: Cause, sentence: str) -> None:
    reason = only(Evidence(caches=(cache,)))
    assert (reason.cause, reason.sentence) == (cause, sentence)
    assert reason.cache == ("" if cause is Cause.UNKNOWN else NAME)


def test_a_cache_that_is_not_read_is_named() -> None:
    other = CacheEvidence(label="s3 repo/topic", outcome=Outcome.READ, results=frozenset())
    reason = only(Evidence(caches=(other,)))
    assert (
        reason.sentence == "same inputs; they were built into `s3 repo/main`, which this build doesn't read"
    )


def test_a_cache_that_may_have_been_read_is_not_guessed_at() -> None:
    assert only(Evidence(complete=False)).cause is Cause.UNKNOWN


def test_an_overwritten_cache_of_unknown_content_is_not_blamed() -> None:
    before = changed(APP, about={**WRITTEN, "mode": "min"})
    cache = read(manifest="sha256:new", writer=WRITER, results=None)
    assert only(Evidence(caches=(cache,)), before=before).cause is Cause.UNKNOWN
    assert only(Evidence(caches=(cache,))).cause is Cause.OVERWRITTEN


def test_another_engine_version_is_blamed_only_for_the_manifest_it_wrote() -> None:
    before = changed(APP, about={**WRITTEN, "engine_version": "v0.33.0"})
    reason = only(Evidence(caches=(read(),)), before=before)
    assert reason.sentence == "same inputs; another engine version: v0.33.0 → v0.34.1"
    assert only(Evidence(caches=(OVERWRITTEN,)), before=before).cause is Cause.OVERWRITTEN


def test_the_own_store_dropped_a_record() -> None:
    before = changed(APP, about={"store": "two"})
    local = CacheEvidence(label="local", outcome=Outcome.READ, results=frozenset())
    reason = only(Evidence(caches=(local,)), before=before)
    assert reason.sentence == "same inputs; the record is gone: the engine's own store dropped it"
    unseen = CacheEvidence(label="local", outcome=Outcome.READ)
    assert only(Evidence(caches=(unseen,)), before=before).cause is Cause.UNKNOWN


def test_another_engine_without_a_cache_left_nothing() -> None:
    before = changed(APP, about={"store": "one"})
    reason = only(Evidence(), before=before)
    assert reason.sentence == "same inputs; build b1 ran on another engine and left no cache"


def test_a_build_that_stopped_early_left_no_record() -> None:
    before = side(BEFORE, "b1")
    stopped = replace(before, steps=(*before.steps[:-1], replace(before.steps[-1], status="not_reached")))
    (reason,) = explain(side(NOW), [stopped], Evidence(caches=(OVERWRITTEN,)))
    assert reason.sentence == "never built: build b1 stopped before it was done"


def test_a_step_that_was_passed_over_is_blamed_on_nothing_unless_the_cache_held_it() -> None:
    before = side(BEFORE, "b1")
    cache = read(manifest="sha256:new", writer=WRITER)
    for held, cause in ((None, Cause.UNKNOWN), (False, Cause.UNKNOWN), (True, Cause.OVERWRITTEN)):
        last = replace(before.steps[-1], status="skipped", held=held)
        (reason,) = explain(
            side(NOW), [replace(before, steps=(*before.steps[:-1], last))], Evidence(caches=(cache,))
        )
        assert reason.cause is cause


def test_a_changed_step_is_not_blamed_on_a_cache() -> None:
    now = changed(NOW, replace=("RUN ldconfig", "RUN ldconfig -v"))
    failed = CacheEvidence(label=NAME, outcome=Outcome.FAILED)
    assert only(Evidence(caches=(failed,)), now).cause is Cause.INSTRUCTION


def test_a_record_that_another_branch_had_is_looked_for_there() -> None:
    main = side(changed(BEFORE, files={"src/app.py": "main"}), "main")
    topic_name = "s3 repo/topic"
    topic = side(changed(APP, about={**WRITTEN, "cache": topic_name}), "topic")
    caches = (read(), read(label=topic_name, manifest="sha256:new", writer=WRITER))
    found = explain(side(changed(NOW, ran="COPY src")), [main, topic], Evidence(caches=caches))
    assert (found[0].cause, found[0].against) == (Cause.OVERWRITTEN, "topic")


def test_stages_that_are_too_old_are_expired_by_policy() -> None:
    now = changed(APP, ignored="build", ran="pip")
    reason = only(Evidence(expired=(("build", "older than 7 days"),)), now)
    assert reason.sentence == "expired by policy: older than 7 days"


def test_the_first_build_of_all_was_never_built_before() -> None:
    absent = CacheEvidence(label=NAME, outcome=Outcome.ABSENT)
    reason = only(Evidence(caches=(absent,), fresh=True), before=None)
    assert reason.sentence == "nothing could be reused: nothing lies under `s3 repo/main`"
    assert only(Evidence(caches=(absent,)), before=None).cause is Cause.UNKNOWN


def test_a_fresh_engine_without_any_cache_could_reuse_nothing() -> None:
    own = CacheEvidence(label=LOCAL, outcome=Outcome.READ)
    reason = only(Evidence(caches=(own,), fresh=True), before=None)
    assert reason.cause is Cause.NEVER_BUILT
    assert "store was empty, and no cache was named" in reason.sentence
    assert only(Evidence(caches=(own,), fresh=False), before=None).cause is Cause.UNKNOWN
    assert only(Evidence(caches=(own,), fresh=True, complete=False), before=None).cause is Cause.UNKNOWN


def test_a_fresh_engine_whose_only_cache_failed_could_reuse_nothing() -> None:
    failed = CacheEvidence(label=NAME, outcome=Outcome.FAILED, error="no route\nto \x1b[31mhost")
    reason = only(Evidence(caches=(failed,), fresh=True), before=None)
    assert reason.cause is Cause.IMPORT_FAILED
    assert reason.sentence.endswith("could not be read: no route to  [31mhost")
    assert only(Evidence(caches=(failed, read()), fresh=True), before=None).cause is Cause.UNKNOWN


def own_store(outcome: Outcome, status: str, store: str = "two") -> Reason:
    before = side(changed(APP, about={"store": store}), "b1")
    former = replace(before.steps[-1], status=status)
    local = CacheEvidence(label=LOCAL, outcome=outcome, results=frozenset())
    evidence = Evidence(caches=(local,), complete=outcome is not Outcome.UNSEEN)
    (reason,) = explain(side(NOW), [replace(before, steps=(*before.steps[:-1], former))], evidence)
    return reason


def test_only_what_the_own_store_is_known_to_have_held_was_dropped_from_it() -> None:
    assert own_store(Outcome.READ, "ran").cause is Cause.EVICTED
    assert own_store(Outcome.READ, "hit_local").cause is Cause.EVICTED
    assert own_store(Outcome.ABSENT, "ran").sentence.endswith("the engine's own store is empty")
    for status in ("hit_remote", "hit", "skipped", ""):
        assert own_store(Outcome.READ, status).cause is Cause.UNKNOWN
    assert own_store(Outcome.READ, "ran", store="").cause is Cause.UNKNOWN
    assert own_store(Outcome.ABSENT, "ran", store="one").cause is Cause.NOT_READ


def test_a_store_or_cache_that_we_can_not_see_is_not_called_unreadable() -> None:
    assert own_store(Outcome.UNSEEN, "ran").cause is Cause.UNKNOWN
    unseen = CacheEvidence(label=NAME, outcome=Outcome.UNSEEN)
    assert only(Evidence(caches=(unseen,), complete=False)).cause is Cause.UNKNOWN
    alone = only(Evidence(caches=(unseen,), complete=False, fresh=True), before=None)
    assert alone.cause is Cause.UNKNOWN


def test_a_cache_that_held_the_result_but_failed_is_blamed() -> None:
    failed = read(outcome=Outcome.FAILED, error="404", results=frozenset({STEP}))
    assert only(Evidence(caches=(failed,))).sentence == "same inputs; `s3 repo/main` could not be read: 404"
    other = read(label="s3 repo/topic", outcome=Outcome.FAILED, results=frozenset({STEP}))
    assert only(Evidence(caches=(read(), other))).cache == "s3 repo/topic"


def test_nothing_is_said_of_caches_where_nothing_is_known_of_them() -> None:
    (reason,) = explain(side(NOW), [side(BEFORE, "b1")])
    assert reason.cause is Cause.UNKNOWN
