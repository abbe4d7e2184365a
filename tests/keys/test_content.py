from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.context.filehash import directory_digest
from fastbuild.keys.content import ContentError, Node, Tree, content_digest
from fastbuild.keys.ops import Selection, record_key
from tests.keys.memory import SRC, Memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def select(path: str, **how: object) -> tuple[Selection, ...]:
    return (Selection(path=path, follow=True, **how),)  # type: ignore[arg-type]


def digest(entries: Mapping[str, str], selections: tuple[Selection, ...], **modes: int) -> str:
    return content_digest(Memory(entries, modes), selections)


VECTORS = {
    "everything": (select("/"), "sha256:de20e740f4b4b88e2c263000f9157d79de903d24e74d83c31b1d3c772fb62476"),
    "a file": (
        select("/src/a.py"),
        "sha256:caec74d0b7805d0cf64ea8a8331a9d986e0fc0fd9bf40090251b606f8170d842",
    ),
    "a directory": (
        select("/src"),
        "sha256:140dd0a094c950d9cc8d6d2e954460f4a44cd394eab3a95c5064aac48d3e4ee8",
    ),
    "several": (
        (*select("/src/a.py"), *select("/src/deep"), *select("/top")),
        "sha256:abf43c2146650c18466d21c1363c6113d8d5e8d212fb85b378ecc0dd91e0a49b",
    ),
    "a wildcard": (
        select("/src/*", wildcard=True),
        "sha256:960b5852cdf770eeb1c531720d21a20fcadf1aa8d43f9227088e744e5bae6a36",
    ),
    "a link": (select("/to-dir"), "sha256:140dd0a094c950d9cc8d6d2e954460f4a44cd394eab3a95c5064aac48d3e4ee8"),
    "an exclusion": (
        select("/", exclude=("**/*.py",)),
        "sha256:f77ea2c61010b99b4f8cdf0d37571292e63b5e1547049812792c55fb5b09b536",
    ),
    "parents": (
        select("/src", include=("**/*.py",)),
        "sha256:14d22da384ad9f154562d3e255db1af12a1a5023165fe6aa411a9fd07c0cce54",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_digest_is_the_one_that_a_daemon_was_seen_to_compute(name: str) -> None:
    selections, expected = VECTORS[name]
    assert digest(SRC, selections) == expected


def test_a_single_file_s_digest_is_its_own_hashed_once_more() -> None:
    assert digest(SRC, select("/src/a.py")) == digest({"a.py": "x"}, select("/a.py"))
    assert record_key(digest(SRC, select("/top")), -1).startswith("sha256:")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (select("/to-file"), select("/src/a.py")),
        (select("/to-dir"), select("/src")),
        (select("/to-dir/a.py"), select("/src/a.py")),
        (select("/src/./deep/.."), select("/src")),
        ((), select("/")),
        (select("/src/*.txt", wildcard=True), select("/src/*.t?t", wildcard=True)),
        (select("/gone*", wildcard=True), select("/", exclude=("*",))),
    ],
)
def test_selections_of_the_same_files_have_the_same_digest(
    one: tuple[Selection, ...], other: tuple[Selection, ...]
) -> None:
    assert digest(SRC, one) == digest(SRC, other)


@pytest.mark.parametrize(
    ("selections", "changed", "counts"),
    [
        (select("/src"), {"top": "other"}, False),
        (select("/src"), {"src/a.py": "other"}, True),
        (select("/src"), {"src/new/": ""}, True),
        (select("/src"), {"src/up": "-> ../other"}, True),
        (select("/src", exclude=("deep",)), {"src/deep/c.py": "other"}, False),
        (select("/src", exclude=("**/*.py",)), {"src/deep/c.py": "other"}, False),
        (select("/src", exclude=("**/*.py",)), {"src/deep/d.txt": "other"}, True),
        (select("/", exclude=("to-dir", "src/deep")), {"src/deep/c.py": "other"}, False),
        # a link at the top is followed, and what is behind it counts whole
        (select("/", exclude=("src/deep",)), {"src/deep/c.py": "other"}, True),
        (select("/", include=("src/deep",)), {"src/a.py": "other"}, False),
        (select("/", include=("src/deep",)), {"src/deep/d": "other"}, True),
        (select("/src/*.py", wildcard=True), {"src/deep/d.py": "other"}, False),
        (select("/src/*", wildcard=True), {"src/deep/d.py": "other"}, True),
        (select("/to-file"), {"src/a.py": "other"}, True),
        (select("/", exclude=("x",)), {"top": "other"}, True),
    ],
)
def test_what_is_selected_decides(
    selections: tuple[Selection, ...], changed: Mapping[str, str], counts: bool
) -> None:
    assert (digest(SRC, selections) != digest({**SRC, **changed}, selections)) is counts


def test_a_directory_s_mode_counts_but_for_the_root_s() -> None:
    assert digest(SRC, select("/src"), src=0o700) != digest(SRC, select("/src"))
    assert digest(SRC, select("/src/a.py"), src=0o700) == digest(SRC, select("/src/a.py"))


@pytest.mark.parametrize(
    "selections",
    [
        select("/gone"),
        select("/src/gone"),
        select("/top/below"),
        select("/loop"),
        select("/loop/x"),
        select("/dangling"),
        select("/", exclude=("x",)),  # the dangling link is at the top
        select("/", include=("src/gone",), required=("/src/gone",)),
        select("/a[", wildcard=True),
        select("/src", exclude=("[",)),
        (*select("/src"), *select("/gone")),
    ],
)
def test_what_buildkit_refuses_is_an_error(selections: tuple[Selection, ...]) -> None:
    with pytest.raises(ContentError):
        digest({**SRC, "loop": "-> loop", "dangling": "-> gone"}, selections)


def test_a_link_that_leads_out_stays_in_the_tree() -> None:
    entries = {"out": "-> ../../../etc/x", "abs": "-> /etc/x", "etc/x": "x"}
    assert (
        digest(entries, select("/out"))
        == digest(entries, select("/abs"))
        == digest(entries, select("/etc/x"))
    )


def test_a_tree_that_is_asked_again_gives_the_same_answers() -> None:
    tree = Tree(Memory(SRC))
    for selections in ((), select("/src"), select("/to-dir"), select("/src/*.py", wildcard=True)) * 2:
        assert content_digest(tree, selections) == digest(SRC, selections)


def test_a_deep_tree_is_no_problem() -> None:
    assert content_digest(_Chain(), ()).startswith("sha256:")


class _Chain:
    """A directory in a directory, 5,000 times."""

    def look(self, path: str) -> Node | None:
        return Node(kind="directory", mode=0o755)

    def names(self, path: str) -> Sequence[str]:
        return ["d"] if path.count("d") < 5000 else []

    def digest(self, path: str) -> str:
        return directory_digest(0o755)


NAMES = st.sampled_from(["a", "b", "a.b", "a-", "é", "\udcff", "\udcffa", "new\nline"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.sampled_from(["a", "b/a", "..", ".", "/", "/a/../b", "../a/", "gone", "a//b/./"])
TREES = st.dictionaries(PATHS, st.one_of(st.just("text"), TARGETS.map(lambda to: f"-> {to}")), max_size=8)
PATTERNS = st.lists(st.sampled_from(["a", "*", "**/b", "!a", "a/*", "[", "?"]), max_size=2).map(tuple)
SELECTIONS = st.builds(
    Selection,
    path=st.one_of(
        PATHS.map(lambda path: f"/{path}"), st.sampled_from(["/", "/*", "/a*/?", "/[^a]*", "/*/b/*"])
    ),
    wildcard=st.booleans(),
    follow=st.booleans(),
    include=PATTERNS,
    exclude=PATTERNS,
)


def _possible(entries: Mapping[str, str]) -> bool:
    """No file has something below it."""
    return not any(f"{one}/" == other[: len(one) + 1] for one in entries for other in entries)


@settings(deadline=None)
@given(TREES.filter(_possible), st.lists(SELECTIONS, max_size=3).map(tuple))
def test_any_tree_has_a_digest_or_an_error_in_any_order_of_names(
    entries: Mapping[str, str], selections: tuple[Selection, ...]
) -> None:
    answers = []
    for seed in (1, 2):
        try:
            answers.append(content_digest(Memory(entries, dice=random.Random(seed)), selections))
        except ContentError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
