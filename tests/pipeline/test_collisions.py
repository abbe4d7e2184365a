from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from fastbuild.cache.objects import Manifest
from fastbuild.explain.sidefile import SideFile
from fastbuild.pipeline.collisions import collision
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from fastbuild.pipeline.foresee import Foreseen

SPEC = CacheSpec.parse("type=s3,bucket=b,name=main")
OWN, BEFORE = SideFile(build="own"), SideFile(build="before")
# steps of several platforms are not looked for, so these tests need no graph
FORESEEN = cast("Foreseen", SimpleNamespace(twins={"a": "b"}))
NOW = Manifest(text=b"{}", digest="now", sizes={})


def test_the_former_build_of_the_name_is_no_collision() -> None:
    assert collision(OWN, BEFORE, BEFORE, FORESEEN, NOW, SPEC) == ""
    assert collision(OWN, None, None, FORESEEN, NOW, SPEC) == ""
    assert collision(OWN, OWN, BEFORE, FORESEEN, NOW, SPEC) == ""


def test_whoever_came_while_we_built_is_overwritten() -> None:
    there = SideFile(build="other", branch="x", manifest="theirs")
    said = collision(OWN, there, BEFORE, FORESEEN, NOW, SPEC)
    assert said.startswith(
        "cache: build other (branch x) wrote s3 main while this one ran, and is overwritten"
    )


def test_whoever_wrote_after_us_has_overwritten_us() -> None:
    there = SideFile(build="other", manifest="now")
    said = collision(OWN, there, None, FORESEEN, NOW, SPEC)
    assert "build other (branch unknown) wrote s3 main after this one" in said
    assert "what this build wrote is not in it" in said
