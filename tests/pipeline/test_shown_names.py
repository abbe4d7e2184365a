"""A prediction of several platforms beside a build that showed a shared step under either."""

from __future__ import annotations

import pytest

from fastbuild.explain.reasons import Cause, Reason
from fastbuild.explain.sidefile import SideFile, StepKey
from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.match import StepVerdict, Verdict
from fastbuild.pipeline.foresee import Foreseen, steps_of
from fastbuild.pipeline.score import score
from fastbuild.pipeline.shown_names import as_shown, reasons_as_shown, steady
from fastbuild.progress.rawjson import StepName
from fastbuild.progress.timings import BuildTiming, Status, StepTiming

AMD64, ARM64 = "[linux/amd64 2/3] COPY --link a /", "[linux/arm64 2/3] COPY --link a /"
LINK_AMD64, LINK_ARM64 = "[linux/amd64 2/3] LINK COPY --link a /", "[linux/arm64 2/3] LINK COPY --link a /"


def op(name: str, *also: str) -> Op:
    return Op(
        digest=name,
        kind="file",
        body={},
        inputs=(),
        platform=("", "", ""),
        name=name,
        lines=((2, 2),),
        ignore_cache=False,
        weak=False,
        also=also,
    )


def foretold() -> Foreseen:
    """A COPY --link that two platforms share, and its cheap merges, which run again."""
    ops = (op(AMD64, ARM64), op(LINK_AMD64), op(LINK_ARM64))
    graph = Graph(ops=ops, final=LINK_AMD64, other_finals=(LINK_ARM64,))
    verdicts = {
        each.digest: StepVerdict(
            op=each.digest,
            verdict=Verdict.HIT if each.also else Verdict.MISS,
            caches=(),
            fetch=(),
            needed=True,
            reason="",
            keys=(),
        )
        for each in ops
    }
    return Foreseen(
        steps=tuple(steps_of(graph, verdicts)),
        graph=graph,
        keys={},
        contents={},
        files={},
        verdicts=verdicts,
        caches=(),
    )


def build(**statuses: Status) -> BuildTiming:
    return BuildTiming(steps=tuple(made(name, status) for name, status in statuses.items()))


def made(text: str, status: Status) -> StepTiming:
    name = StepName.parse(text)
    return StepTiming(
        id=text,
        name=text,
        stage=name.stage,
        index=name.index,
        platform=name.platform,
        line=2,
        instruction=name.instruction,
        status=status,
    )


@pytest.mark.parametrize(("copied", "linked"), [(AMD64, LINK_ARM64), (ARM64, LINK_AMD64)])
def test_a_shared_step_is_compared_under_the_name_that_the_build_showed(copied: str, linked: str) -> None:
    timing = build(**{copied: Status.HIT_LOCAL, linked: Status.RAN})
    told = as_shown(foretold(), timing)
    assert score(told.steps, timing).wrong == ()
    assert score(told.steps, timing).right == 2


def test_under_a_wrong_name_it_would_not_be_right() -> None:
    assert score(foretold().steps, build(**{ARM64: Status.HIT_LOCAL, LINK_AMD64: Status.RAN})).wrong


def test_a_build_that_showed_the_first_names_changes_nothing() -> None:
    told = foretold()
    assert as_shown(told, build(**{AMD64: Status.RAN, LINK_ARM64: Status.RAN})) is told


def described(foreseen: Foreseen) -> SideFile:
    steps = tuple(
        StepKey(
            name=each.name.replace("a /", "*** /"),
            instruction="COPY --link a /",
            stage=0,
            lines=((2, 2),),
            platform="linux/amd64",
            op="sha256:1",
            plaintext="",
            inputs=(),
        )
        for each in foreseen.graph.ops
    )
    return SideFile(build="1", created=0.0, steps=steps)


def test_side_files_of_two_builds_have_the_same_names_whatever_was_shown() -> None:
    told = foretold()
    shown = as_shown(told, build(**{ARM64: Status.RAN, LINK_AMD64: Status.RAN}))
    side = steady(described(shown), told.graph)
    assert side == steady(described(told), told.graph)
    assert side.steps[0].name == "[linux/amd64 2/3] COPY --link *** /", "what was hidden stays hidden"
    assert [step.platform for step in side.steps] == ["linux/amd64", "linux/amd64", "linux/arm64"]


def test_a_reason_names_the_step_as_the_build_showed_it() -> None:
    told = foretold()
    shown = described(as_shown(told, build(**{ARM64: Status.RAN, LINK_AMD64: Status.RAN})))
    side = steady(shown, told.graph)
    found = Reason(
        step=side.steps[0].name,
        line=2,
        platform="linux/amd64",
        cause=Cause.UNKNOWN,
        sentence="unknown",
        follows=side.steps[0].name,
    )
    (reason,) = reasons_as_shown([found], side, shown)
    assert (reason.step, reason.platform) == ("[linux/arm64 2/3] COPY --link *** /", "linux/arm64")
    assert reason.follows == reason.step


def test_a_build_of_one_platform_keeps_its_side_file() -> None:
    one = Graph(ops=(op(AMD64),), final=AMD64)
    side = SideFile(build="1", created=0.0)
    assert steady(side, one) is side
