"""Side files of a graph that BuildKit itself has made."""

from __future__ import annotations

from dataclasses import replace

from fastbuild.dockerfile.parse import parse
from fastbuild.explain.compare import explain
from fastbuild.explain.describe import Known, describe
from fastbuild.explain.reasons import Cause
from fastbuild.explain.sidefile import InputKind, SideFile
from fastbuild.explain.stored import from_json, to_json
from fastbuild.keys.graph import Graph
from tests.explain.frontend import SALT
from tests.keys import recorded

ABOUT = SideFile(build="b1", salt=SALT, platforms=("linux/amd64",))
COPY_SOURCE = recorded.SOURCE_COPY


def real(content: str = "") -> SideFile:
    graph = recorded.graph()
    contents = recorded.contents()
    if content:
        copied = next(op.digest for op in graph.ops if op.name == COPY_SOURCE)
        contents = {place: content if place[0] == copied else each for place, each in contents.items()}
    return describe(ABOUT, Known(graph=graph, keys=recorded.keys(graph), contents=contents))


def test_a_recorded_graph_gives_steps_bases_and_where_inputs_come_from() -> None:
    side = real()
    assert from_json(to_json(side)) == side
    assert [base.reference for base in side.bases] == ["docker.io/library/busybox:latest"]
    step = next(step for step in side.steps if step.name == COPY_SOURCE)
    assert [each.kind for each in step.inputs] == [InputKind.STEP, InputKind.CONTEXT]
    assert (step.line, step.platform, step.keyword) == (8, "linux/amd64", "COPY")
    assert step.inputs[1].paths == ("/src",)


def test_a_changed_content_of_a_recorded_graph_is_told_and_followed() -> None:
    now = real("sha256:" + "ab" * 32)
    now = replace(now, steps=tuple(replace(step, status="ran") for step in now.steps))
    found = {each.step: each for each in explain(now, [real()])}
    assert found[COPY_SOURCE].sentence == "something in `src` changed; which file isn't recorded"
    assert found[recorded.LAST].sentence == "follows from line 8 `COPY src /src`"
    assert found[recorded.COPIED].cause is Cause.UNKNOWN


def test_a_side_file_without_keys_files_or_timings_is_made_all_the_same() -> None:
    side = describe(ABOUT, Known(graph=recorded.graph()))
    assert {step.op for step in side.steps} == {""}
    ran = replace(side, steps=tuple(replace(step, status="ran") for step in side.steps))
    assert {each.cause for each in explain(ran, [side])} == {Cause.UNKNOWN}
    assert describe(ABOUT, Known(graph=Graph(ops=(), final=""))).steps == ()


def test_a_dockerfile_that_does_not_belong_to_the_graph_gives_no_wrong_text() -> None:
    graph = recorded.graph()
    known = Known(graph=graph, keys=recorded.keys(graph), dockerfile=parse("FROM a\nRUN x\n"))
    assert {step.instruction for step in describe(ABOUT, known).steps} <= {"", "RUN x"}
