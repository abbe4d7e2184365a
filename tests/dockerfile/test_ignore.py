from __future__ import annotations

import pytest

from fastbuild.dockerfile.ignore import Ignore, ignore_file
from fastbuild.errors import UsageError
from tests.dockerfile.ignore_cases import ALL, BAD, CASES, TREE, kept


@pytest.mark.parametrize(("text", "left_out"), CASES)
def test_each_case_leaves_out_what_buildkit_leaves_out(text: str, left_out: set[str]) -> None:
    assert kept(TREE, Ignore.read(text).ignores) == ALL - left_out


def test_the_table_is_worth_its_name() -> None:
    assert len(CASES) == len({text for text, _ in CASES}) >= 60


@pytest.mark.parametrize("text", BAD)
def test_a_bad_pattern_is_an_error_that_names_its_line(text: str) -> None:
    line = text.count("\n")
    with pytest.raises(UsageError, match=rf"^app\.dockerignore:{line}: bad pattern "):
        Ignore.read(text, "app.dockerignore").ignores("ab")


def test_a_pattern_that_is_never_compared_is_no_error() -> None:
    assert not Ignore(["!a*["]).ignores("a")


def test_an_endless_line_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"^\.dockerignore:2: the line is too long"):
        Ignore.read("a\n" + "b" * 65536)


def test_a_walk_stays_out_of_a_directory_without_exceptions_below() -> None:
    ignore = Ignore.read("a\nd\n!d/e\n")
    assert not ignore.may_contain("a")
    assert not ignore.may_contain("a/b")
    assert ignore.may_contain("d")
    assert ignore.ignores("d")
    assert ignore.may_contain("d/e")
    assert not ignore.may_contain("d/f")
    assert ignore.may_contain("z")


def test_an_exception_with_wildcards_may_be_anywhere() -> None:
    ignore = Ignore.read("a\n!**/x\n")
    assert ignore.may_contain("a/b/c")
    assert not ignore.ignores("a/b/c/x")


def test_no_patterns_ignore_nothing() -> None:
    ignore = Ignore(())
    assert not ignore
    assert not ignore.ignores("a/b")
    assert ignore.may_contain("a")


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"sub/app.Dockerfile.dockerignore", ".dockerignore"}, "sub/app.Dockerfile.dockerignore"),
        ({".dockerignore"}, ".dockerignore"),
        ({"Dockerfile.dockerignore"}, None),
    ],
)
def test_the_ignore_file_beside_the_dockerfile_comes_first(there: set[str], chosen: str | None) -> None:
    assert ignore_file("sub/app.Dockerfile", there.__contains__) == chosen


def test_a_further_context_has_only_its_own_ignore_file() -> None:
    assert ignore_file(None, lambda name: True) == ".dockerignore"
