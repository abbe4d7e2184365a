from __future__ import annotations

import pytest

from fastbuild.hierarchy import ancestors, covers, overlaps


@pytest.mark.parametrize(
    ("tree", "path", "covered"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b/c", True),
        ("/a", "/ab", False),
        ("/a/b", "/a", False),
        ("/", "/", True),
        ("/", "/a", True),
        ("/a/", "/a/b", True),
        ("a", "a/b", True),
        ("a", "ab", False),
        ("/a", "a", False),
    ],
)
def test_a_tree_covers_itself_and_what_is_below(tree: str, path: str, covered: bool) -> None:
    assert covers(tree, path) is covered


def test_two_paths_overlap_whichever_is_above() -> None:
    assert overlaps("/a", "/a/b")
    assert overlaps("/a/b", "/a")
    assert not overlaps("/a/b", "/a/c")


def test_ancestors_are_the_directories_above_without_the_root() -> None:
    assert list(ancestors("/a/b/c")) == ["/a/b", "/a"]
    assert list(ancestors("a/b/c")) == ["a/b", "a"]
    assert list(ancestors("/a")) == list(ancestors("/")) == []
