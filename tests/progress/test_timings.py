from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.dockerfile.steps import step_lines
from fastbuild.progress.events import Note, Transfer, Vertex
from fastbuild.progress.intervals import seconds, union, without
from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import BuildTiming, Fold, Status, StepTiming
from tests import recordings


def fold(*events: Vertex | Transfer, imports: bool = False, empty: bool = False) -> BuildTiming:
    folded = Fold(imports=imports, store_was_empty=empty)
    for event in events:
        folded.add(event)
    return folded.timing()


def ran(start: float, end: float | None, **changes: object) -> Vertex:
    fields: dict[str, object] = {"id": "v", "name": "[2/3] RUN a", "started": start, "completed": end}
    return Vertex(**{**fields, **changes})  # type: ignore[arg-type]


def moved(id: str, start: float, end: float | None, current: int = 10) -> Transfer:
    return Transfer(id=id, step="v", started=start, completed=end, current=current)


def by_line(timing: BuildTiming) -> dict[int | None, StepTiming]:
    return {step.line: step for step in timing.steps}


def statuses(name: str) -> dict[int | None, str]:
    return {line: str(step.status) for line, step in by_line(recordings.timing(name)).items()}


def test_a_cold_build_runs_every_step_and_knows_every_line() -> None:
    timing = recordings.timing("cold")
    assert [step.line for step in timing.steps] == [2, 3, 4, 5, 6, 8, 9, 12, 13, 14, 15]
    assert timing.counts().ran == timing.counts().steps == 10
    assert by_line(timing)[4].execute == pytest.approx(1.087, abs=0.001)
    base = by_line(timing)[8]
    assert (base.status, base.bytes_downloaded) == (Status.SOURCE, 1068637)
    assert (base.download, base.unpack) == pytest.approx((0.0082, 0.0943), abs=0.0001)


def test_skipped_steps_are_no_hits() -> None:
    counts = recordings.timing("warm").counts()
    assert (counts.hits, counts.hit_local, counts.skipped, counts.ran) == (1, 1, 9, 0)


def test_buildx_and_buildctl_say_the_same() -> None:
    assert statuses("buildx-cold") == statuses("cold")
    assert statuses("buildx-failing") == statuses("failing")


def test_a_failure_leaves_cancelled_and_unreached_steps() -> None:
    assert statuses("failing") == {
        2: "cancelled",
        3: "not_reached",
        5: "source",
        6: "failed",
        7: "not_reached",
        10: "not_reached",
        11: "not_reached",
    }
    timing = recordings.timing("failing")
    assert by_line(timing)[6].log_tail == "to out\nto err\n"
    assert timing.error.endswith("did not complete successfully: exit code: 3")
    assert timing.text.startswith("Dockerfile:6\n")


def test_an_interrupted_build_has_no_failed_step() -> None:
    assert statuses("cancelled") == {1: "source", 2: "ran", 3: "cancelled", 4: "not_reached"}


def test_what_was_under_way_when_we_stopped_it_was_cancelled() -> None:
    folded = Fold(imports=False, store_was_empty=False)
    folded.add(ran(1.0, None))
    assert folded.timing().steps[0].status is Status.UNKNOWN
    assert folded.timing(stopped=True).steps[0].status is Status.CANCELLED


def test_a_step_that_an_equal_one_replaced_was_skipped_if_the_build_succeeded() -> None:
    folded = Fold(imports=False, store_was_empty=False)
    folded.add(replace(ran(1.0, 2.0), error="context canceled"))
    assert folded.timing().steps[0].status is Status.CANCELLED
    timing = folded.timing(succeeded=True)
    assert (timing.steps[0].status, timing.steps[0].error, timing.error) == (Status.SKIPPED, "", "")


def test_fetched_layers_prove_a_remote_hit() -> None:
    steps = by_line(recordings.timing("s3-blobs"))
    assert (steps[4].status, steps[13].status) == (Status.HIT_REMOTE, Status.HIT_REMOTE)
    assert (steps[4].bytes_downloaded, steps[4].execute) == (1369287, 0.0)
    assert steps[4].download == pytest.approx(0.0187, abs=0.0001)  # four at once: not added up
    assert (steps[5].status, steps[3].status) == (Status.RAN, Status.SKIPPED)


def test_layers_that_were_asked_for_but_never_came_count_as_remote() -> None:
    step = by_line(recordings.timing("missing-blob"))[15]
    assert (step.status, step.bytes_downloaded, step.download) == (Status.HIT_REMOTE, 0, 0.0)


@pytest.mark.parametrize(("empty", "status"), [(True, Status.HIT_REMOTE), (False, Status.HIT)])
def test_an_untouched_hit_is_remote_only_if_the_store_was_empty(empty: bool, status: Status) -> None:
    timing = recordings.timing("s3-all-hit", store_was_empty=empty)
    assert by_line(timing)[15].status is status


def test_hits_beside_imports_that_all_failed_are_local() -> None:
    importing = ran(0, 1, id="i", name="importing cache manifest from s3:1", error="dead")
    assert fold(importing, ran(1, 2, cached=True), imports=True).steps[0].status is Status.HIT_LOCAL


def test_cache_errors_are_told_but_are_no_build_error() -> None:
    for name, kind in (("dead-import", StepKind.CACHE_IMPORT), ("dead-export", StepKind.CACHE_EXPORT)):
        timing = recordings.timing(name)
        assert [other.kind for other in timing.others if other.error] == [kind]
        assert timing.error == ""


def test_a_push_is_taken_off_its_export() -> None:
    others = {other.kind: other for other in recordings.timing("s3-export").others}
    assert others[StepKind.PUSH].seconds == pytest.approx(0.057, abs=0.001)
    assert others[StepKind.EXPORT].seconds == pytest.approx(0.0734, abs=0.001)
    assert others[StepKind.CACHE_EXPORT].seconds == pytest.approx(0.144, abs=0.001)


def test_linked_copies_are_one_step_with_the_linking_as_other_time() -> None:
    timing = recordings.timing("linked")
    assert [step.line for step in timing.steps] == [1, 2, 5, 6, 7, 8]
    assert by_line(timing)[6].other == pytest.approx(0.0061, abs=0.0001)
    assert statuses("linked-warm")[8] == "hit_local"


def test_triggers_point_at_the_from_that_brought_them() -> None:
    lines = [(step.instruction, step.line) for step in recordings.timing("onbuild").steps]
    assert ("RUN echo triggered", 5) in lines
    assert ("WORKDIR /made", 5) in lines
    assert ("RUN echo own", 6) in lines


def test_platforms_are_steps_of_their_own() -> None:
    found = {(step.platform, step.line) for step in recordings.timing("platforms").steps}
    assert {("linux/amd64", 3), ("linux/amd64->arm64", 3), ("linux/arm64", 6)} <= found


def test_a_step_without_number_is_not_counted() -> None:
    timing = recordings.timing("single")
    assert [step.line for step in timing.steps] == [2, 4, 5, 10, 17]  # line 3 is WORKDIR /
    assert timing.counts().steps == 4


def test_a_file_that_does_not_parse_leaves_the_message() -> None:
    timing = recordings.timing("broken")
    assert timing.steps == ()
    assert "unknown instruction: COYP" in timing.error


def test_warnings_and_notes_are_kept() -> None:
    assert len(recordings.timing("warned").warnings) == 4
    folded = Fold(imports=False, store_was_empty=False)
    folded.add(Note(text="said"))
    assert folded.timing().notes == ("said",)


def test_intervals_are_summed_and_each_counts_once() -> None:
    step = fold(ran(0, None), ran(0, 1), ran(0, 1), ran(5, 7)).steps[0]
    assert (step.execute, step.started, step.completed) == (3.0, 0.0, 7.0)


def test_overlapping_transfers_are_not_added_up() -> None:
    step = fold(
        ran(0, 10), moved("sha256:a", 1, 4), moved("sha256:b", 2, 5), moved("extracting sha256:a", 4, 6)
    ).steps[0]
    assert (step.download, step.unpack, step.execute) == (4.0, 1.0, 5.0)
    assert step.bytes_downloaded == 20


def test_a_step_passed_over_and_then_needed() -> None:
    passed = ran(1, 1, cached=True)
    assert fold(passed).steps[0].status is Status.SKIPPED
    assert fold(passed, ran(2, 3)).steps[0].status is Status.RAN
    assert fold(passed, ran(2, 3), moved("sha256:a", 2, 3)).steps[0].status is Status.HIT_LOCAL


def test_an_open_end_without_a_failure_is_unknown() -> None:
    assert fold(ran(0, None)).steps[0].status is Status.UNKNOWN
    failed = ran(0, 1, id="w", name="[3/3] RUN b", error="boom")
    assert {s.status for s in fold(ran(0, None), failed).steps} == {Status.CANCELLED, Status.FAILED}


def test_a_builder_that_numbers_every_instruction_gets_no_wrong_line() -> None:
    folded = Fold(imports=False, store_was_empty=False)
    for number, text in enumerate(("FROM a", "WORKDIR /", "RUN $x"), start=1):
        folded.add(ran(number, number + 1, id=str(number), name=f"[{number}/4] {text}"))
    timing = folded.timing(step_lines("FROM a\nWORKDIR /\nRUN $x\nRUN $y\n"))
    assert [step.line for step in timing.steps] == [1, 2, 3]


def test_add_of_a_url_is_one_step() -> None:
    source = ran(0, 3, id="u", name="[2/3] ADD https://example.com/a /")
    copy = ran(3, 4, id="c", name="[2/3] ADD https://example.com/a /", inputs=("u",))
    (step,) = fold(source, copy).steps
    assert (step.id, step.status, step.transfer, step.execute) == ("c", Status.RAN, 3.0, 1.0)


@pytest.mark.parametrize("name", recordings.NAMES)
def test_parts_of_a_step_never_exceed_its_span(name: str) -> None:
    for step in recordings.timing(name).steps:
        span = (step.completed or 0) - (step.started or 0)
        assert -1e-9 <= step.seconds <= span + 1e-6 or step.instruction.startswith(
            ("COPY --link", "ADD --link")
        )


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_moment_of_a_recording_can_be_asked_for(name: str) -> None:
    folded = Fold(imports=True, store_was_empty=False)
    for event in recordings.events(name):
        folded.add(event)
        folded.timing()


_TIMES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda p: (float(min(p)), float(max(p))))
)


@given(_TIMES, _TIMES)
def test_interval_arithmetic_agrees_with_counting(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> None:
    def cells(pairs: list[tuple[float, float]]) -> set[int]:
        return {i for start, end in pairs for i in range(int(start), int(end))}

    assert seconds(union(a)) == len(cells(a))
    assert seconds(without(union(a), union(b))) == len(cells(a) - cells(b))
