from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.pipeline.export import after, parted, written_into_context
from fastbuild.pipeline.run import Outcome
from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import BuildTiming, OtherTiming, Status, StepTiming
from fastbuild.request import BuildRequest, CacheSpec, Output

if TYPE_CHECKING:
    from pathlib import Path

S3 = CacheSpec.parse("type=s3,bucket=b,name=n")
INLINE = CacheSpec.parse("type=inline")
ASKED = BuildRequest(
    context="/app",
    file="/app/Dockerfile",
    tags=("t",),
    push=True,
    outputs=(Output("image"),),
    annotations=("a=b",),
    no_cache=True,
    cache_from=(S3,),
    cache_to=(INLINE, S3),
    secrets=("id=s",),
)


def test_the_image_takes_its_inline_cache_along_and_nothing_else() -> None:
    first, _ = parted(ASKED, "private")
    assert first == replace(ASKED, cache_to=(INLINE,))


def test_the_second_solve_makes_nothing_and_runs_nothing() -> None:
    _, second = parted(ASKED, "private")
    assert second is not None
    assert (second.cache_to, second.outputs, second.push, second.tags) == ((S3,), (), False, ())
    assert (second.no_cache, second.annotations) == (False, ())
    assert second.secrets == ASKED.secrets


def test_buildx_leaves_no_image_behind() -> None:
    _, second = parted(ASKED, "buildx")
    assert second is not None
    assert second.outputs == (Output("cacheonly"),)


@pytest.mark.parametrize(
    ("request_", "engine"),
    [
        (ASKED, "docker"),
        (replace(ASKED, cache_to=(INLINE,)), "private"),
        (replace(ASKED, cache_to=()), "private"),
        (replace(ASKED, call="check"), "private"),
    ],
)
def test_what_has_no_second_solve(request_: BuildRequest, engine: str) -> None:
    assert parted(request_, engine) == (request_, None)


def context(tmp_path: Path, ignored: str = "") -> BuildRequest:
    (tmp_path / ".dockerignore").write_text(ignored)
    return BuildRequest(context=str(tmp_path), file=str(tmp_path / "Dockerfile"))


def test_a_result_within_the_context_is_found(tmp_path: Path) -> None:
    request = context(tmp_path)
    inside = replace(request, outputs=(Output("local", (("dest", str(tmp_path / "out")),)),))
    assert written_into_context(inside, ()) == str(tmp_path / "out")
    assert written_into_context(request, ("", str(tmp_path / "sub" / "iid"))) == str(tmp_path / "sub" / "iid")
    assert written_into_context(replace(request, outputs=(Output("tar", (("dest", "-"),)),)), ()) == ""


def test_a_result_that_is_ignored_or_elsewhere_does_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    request = context(folder, "out\n")
    assert written_into_context(request, (str(folder / "out"), str(tmp_path / "iid"))) == ""


def test_the_context_itself_as_output_counts(tmp_path: Path) -> None:
    assert written_into_context(context(tmp_path), (str(tmp_path),)) == str(tmp_path)


def ended(status: Status, error: str = "") -> Outcome:
    step = StepTiming(
        id="s", name="n", stage="", index=1, platform="", line=1, instruction="RUN x", status=status
    )
    line = OtherTiming(kind=StepKind.CACHE_IMPORT, name="importing", seconds=0, error=error)
    return Outcome(
        returncode=0,
        timing=BuildTiming(steps=(step,), others=(line,)),
        cache_problems=(),
        cache_from=(S3,),
    )


@pytest.mark.parametrize(
    ("outcome", "read"),
    [
        (ended(Status.HIT_REMOTE), (S3,)),
        (ended(Status.SKIPPED), (S3,)),
        (ended(Status.RAN), ()),
        (ended(Status.HIT_LOCAL, "denied"), ()),
    ],
)
def test_caches_are_read_again_only_if_results_may_lie_there_alone(
    outcome: Outcome, read: tuple[CacheSpec, ...]
) -> None:
    assert after(ASKED, outcome).cache_from == read
