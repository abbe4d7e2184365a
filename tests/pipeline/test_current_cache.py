from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from fastbuild.explain.sidefile import SideFile
from fastbuild.explain.stored import to_json
from fastbuild.keys.match import Verdict
from fastbuild.pipeline.current_cache import FRESH, is_current
from fastbuild.progress.timings import BuildTiming, Status, StepTiming
from fastbuild.request import BuildRequest, CacheSpec

if TYPE_CHECKING:
    from fastbuild.pipeline.foresee import Foreseen

NOW = 1_000_000.0
PLACE = "bucket=b,name=n,prefix=p/"
READ = CacheSpec.parse(f"type=s3,{PLACE},retry_max_attempts=2")
WRITTEN = CacheSpec.parse(f"type=s3,{PLACE},mode=max,ignore-error=true")
REQUEST = BuildRequest(context="/app", cache_from=(READ,), cache_to=(WRITTEN,))


def timing(*statuses: Status) -> BuildTiming:
    steps = (
        StepTiming(
            id=str(i), name="n", stage="", index=i, platform="", line=i, instruction="RUN", status=status
        )
        for i, status in enumerate(statuses)
    )
    return BuildTiming(steps=tuple(steps))


FOUND = timing(Status.SOURCE, Status.SKIPPED, Status.HIT_REMOTE)


def foreseen(
    *, created: float = NOW, manifest: str = "m", mode: str = "max", caches: tuple[str, ...] = (READ.label,)
) -> Foreseen:
    side = SideFile(build="b", created=created, manifest=manifest, mode=mode)
    cache = SimpleNamespace(label=READ.label, records=object(), manifest="m", side=to_json(side))
    ops = (SimpleNamespace(digest="base", kind="source"), SimpleNamespace(digest="step", kind="exec"))
    verdicts = {"step": SimpleNamespace(verdict=Verdict.HIT, caches=caches)}
    graph = SimpleNamespace(ops=ops)
    return cast("Foreseen", SimpleNamespace(caches=(cache,), graph=graph, verdicts=verdicts))


def test_an_unchanged_build_writes_nothing_that_is_not_there() -> None:
    assert is_current(REQUEST, (WRITTEN,), FOUND, foreseen(), NOW + 60)


@pytest.mark.parametrize(
    "what",
    [
        foreseen(created=NOW - FRESH),
        foreseen(created=NOW + 1),
        foreseen(manifest="another"),
        foreseen(mode="min"),
        foreseen(caches=("local",)),
    ],
    ids=["old", "from the future", "another manifest", "another mode", "a step only lies elsewhere"],
)
def test_in_doubt_it_is_written(what: Foreseen) -> None:
    assert not is_current(REQUEST, (WRITTEN,), FOUND, what, NOW)


@pytest.mark.parametrize(
    "ended",
    [timing(Status.SOURCE, Status.RAN), timing(Status.HIT, Status.UNKNOWN), timing()],
    ids=["a step ran", "not known how one ended", "no step"],
)
def test_a_build_that_did_something_is_written(ended: BuildTiming) -> None:
    assert not is_current(REQUEST, (WRITTEN,), ended, foreseen(), NOW)


def test_another_place_under_the_same_name_is_another_cache() -> None:
    elsewhere = WRITTEN.with_options(bucket="c")
    assert not is_current(REQUEST, (elsewhere,), FOUND, foreseen(), NOW)
    twice = replace(REQUEST, cache_from=(READ, READ.with_options(bucket="c")))
    assert not is_current(twice, (WRITTEN,), FOUND, foreseen(), NOW)


def test_several_exports_are_all_written() -> None:
    assert not is_current(REQUEST, (WRITTEN, WRITTEN.with_options(name="o")), FOUND, foreseen(), NOW)
