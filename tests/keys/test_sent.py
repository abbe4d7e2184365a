from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.keys.content import ContentError, content_digest
from fastbuild.keys.ops import Selection
from fastbuild.keys.sent import follow_paths, sent
from tests.keys.memory import SRC, Memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.keys.content import Files


def everything(files: Files, top: str = "") -> set[str]:
    """The paths of all entries below a directory."""
    found = set()
    for name in files.names(top or "/"):
        path = f"{top}/{name}"
        node = files.look(path)
        assert node is not None
        found |= {path[1:]} | (everything(files, path) if node.kind == "directory" else set())
    return found


ALL = {
    "src",
    "src/a.py",
    "src/b.txt",
    "src/deep",
    "src/deep/c.py",
    "src/empty",
    "src/up",
    "to-file",
    "to-dir",
    "top",
}
IN_SRC = {path for path in ALL if path.startswith("src")}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("/top",), {"top"}),
        (("/src",), IN_SRC),
        (("/src/deep",), {"src", "src/deep", "src/deep/c.py"}),
        (("/src/empty", "/gone"), {"src", "src/empty"}),
        (("/to-file",), {"to-file", "src", "src/a.py"}),
        (("/to-dir/deep",), {"to-dir", "src", "src/deep", "src/deep/c.py"}),
        (("/src/up",), {"src", "src/up", "top"}),
        (("/src/*.py",), {"src", "src/a.py"}),
        (("/to-*",), {"to-file", "to-dir"} | IN_SRC),
        (("/s*/*.txt",), {"src", "src/b.txt"}),
        (("/*/*.txt",), ALL),  # the first star fits links, so all that it fits is sent
        (("/src/deep", "/src"), IN_SRC),
        (("/",), ALL),
        (("/top", "/"), ALL),
        ((), ALL),
    ],
)
def test_what_is_sent_for_paths(paths: tuple[str, ...], expected: set[str]) -> None:
    assert everything(sent(Memory(SRC), paths)) == expected


@pytest.mark.parametrize(
    ("entries", "path", "expected"),
    [
        ({"a": "-> ///", "b": "b"}, "/a/a", {"a"}),
        ({"l": "-> [x]", "[x]": "1", "x": "2"}, "/l", {"l", "x"}),
        ({"l": "-> s/../f", "s": "-> d/e", "d/f": "1", "d/e/": "", "f": "2"}, "/l", {"l", "f"}),
        ({"a": "-> b", "b": "-> a"}, "/a", {"a", "b"}),
    ],
)
def test_links_are_followed_less_exactly_than_where_files_are_hashed(
    entries: Mapping[str, str], path: str, expected: set[str]
) -> None:
    assert everything(sent(Memory(entries), (path,))) == expected


def test_what_a_link_needs_and_is_not_sent_is_an_error() -> None:
    tree = Memory({"l": "-> [x]", "[x]": "1"})
    selections = (Selection(path="/l", follow=True),)
    assert content_digest(tree, selections).startswith("sha256:")
    with pytest.raises(ContentError):
        content_digest(tree, selections, ("/l",))
    assert content_digest(tree, selections, ("/l", "/")) == content_digest(tree, selections)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"attrs": {"local.followpaths": '["/a","/b"]'}}, ("/a", "/b")),
        ({"attrs": {"local.followpaths": '"/a"'}}, ()),
        ({"attrs": {"local.followpaths": "["}}, ()),
        ({"attrs": {"local.followpaths": 7}}, ()),
        ({"attrs": {"local.followpaths": '["/a",7]'}}, ("/a",)),
        ({"attrs": []}, ()),
        ({}, ()),
    ],
)
def test_the_paths_are_in_the_source_s_attributes(
    body: Mapping[str, object], expected: tuple[str, ...]
) -> None:
    assert follow_paths(body) == expected


PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)


@settings(deadline=None)
@given(st.dictionaries(PATHS, st.just("text"), max_size=8), st.lists(PATHS, min_size=1, max_size=3))
def test_without_links_what_is_selected_is_sent(entries: dict[str, str], paths: list[str]) -> None:
    if any(f"{one}/" == other[: len(one) + 1] for one in entries for other in entries):
        return
    tree = Memory(entries)
    named = tuple(f"/{path}" for path in paths)
    part = sent(tree, named)
    assert everything(part) <= everything(tree)
    for path in named:
        answers = []
        for files in (tree, part):
            try:
                answers.append(content_digest(files, (Selection(path=path, follow=True),)))
            except ContentError as error:
                answers.append(str(error))
        assert answers[0] == answers[1]
