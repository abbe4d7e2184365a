"""Side files on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastbuild.errors import UsageError
from fastbuild.sides import Sides

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    sides = Sides(tmp_path / "all/sides")
    sides.save("a1", b"one", os.getuid())
    assert sides.load("a1") == b"one"
    assert sides.load("a2") is None
    assert (tmp_path / "all/sides").stat().st_mode & 0o777 == 0o700


def test_the_oldest_are_dropped(tmp_path: Path) -> None:
    sides = Sides(tmp_path / "all/sides", kept=2)
    for build in ("a3", "a1", "a2"):
        sides.save(build, build.encode(), os.getuid())
    assert [sides.load(build) for build in ("a1", "a2", "a3")] == [None, b"a2", b"a3"]


def test_those_before_a_build_come_newest_first(tmp_path: Path) -> None:
    sides = Sides(tmp_path / "all/sides")
    for build in ("a1", "a2", "a3"):
        sides.save(build, build.encode(), os.getuid())
    assert list(sides.before("a3")) == [b"a2", b"a1"]
    assert list(sides.before()) == [b"a3", b"a2", b"a1"]
    assert list(Sides(tmp_path / "none").before()) == []


def test_a_directory_that_is_no_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "all").write_text("")
    with pytest.raises(UsageError, match="all"):
        Sides(tmp_path / "all/sides").save("a1", b"", os.getuid())
