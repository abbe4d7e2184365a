from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.explain.shrink import shrink
from fastbuild.explain.sidefile import SideFile
from fastbuild.explain.stored import from_json, to_json
from fastbuild.explain.tree_diff import How, PathChange, diff, umask_of
from fastbuild.explain.trees import CopiedFile, Forest, Kind, short


def file(path: str, text: str = "x", mode: int = 0o644) -> CopiedFile:
    return CopiedFile(path=path, kind=Kind.FILE, mode=mode, digest=text)


def tree(*files: CopiedFile, budget: int = 1_000_000) -> tuple[SideFile, int]:
    forest = Forest()
    root = forest.add(files)
    nodes, numbers, lost = shrink(forest.nodes, [root], budget)
    return SideFile(build="b", nodes=nodes, lost=lost), numbers[root]


def changes(new: tuple[SideFile, int], old: tuple[SideFile, int]) -> dict[str, How]:
    return {change.path: change.how for change in diff(*new, *old).changes}


def test_equal_directories_are_stored_once() -> None:
    forest = Forest()
    one = forest.add([file("/src/a"), file("/src/b/c"), file("/x")])
    other = forest.add([file("/src/a"), file("/src/b/c")])
    assert one != other
    assert len(forest.nodes) == 4


def test_a_large_context_stays_small() -> None:
    files = [file(f"/src/p{n // 100}/file_{n}.py", f"text {n}") for n in range(6000)]
    side, _ = tree(*files, budget=2_000_000)
    data = to_json(side)
    assert side.lost == ()
    assert len(data) < 200_000
    assert from_json(data) == side


def test_what_does_not_fit_is_told() -> None:
    files = [file(f"/node_modules/m{n}", f"{n}") for n in range(9000)] + [file("/src/a"), file("/b")]
    side, root = tree(*files, budget=5_000)
    assert side.lost == ("node_modules/: only the digest of 9000 files was kept",)
    assert len(gzip.decompress(to_json(side))) < 2_000
    same, again = tree(*files)
    assert changes((side, root), (same, again)) == {}
    files[7] = file("/node_modules/m7", "7", 0o600)
    assert changes(tree(*files, budget=5_000), (side, root)) == {"node_modules/": How.MODE}
    files[7] = file("/node_modules/m7", "other")
    assert changes(tree(*files), (side, root)) == {"node_modules/": How.WITHIN}


def test_a_root_that_does_not_fit_is_a_digest() -> None:
    files = [file(f"/m{n}", f"{n}") for n in range(900)]
    side, root = tree(*files, budget=500)
    assert side.lost == ("all that a step copies: only the digest of 900 files was kept",)
    assert changes((side, root), tree(*files)) == {}
    assert changes((side, root), tree(*files[:-1])) == {"": How.WITHIN}


def test_equal_files_are_renamed_only_if_no_other_has_their_digest() -> None:
    old = tree(file("/a", "1"), file("/b", "2"))
    assert changes(tree(file("/c", "1"), file("/b", "2")), old) == {"c": How.RENAMED}
    assert changes(tree(file("/c", "1"), file("/d", "1"), file("/b", "2")), old) == {
        "a": How.REMOVED,
        "c": How.ADDED,
        "d": How.ADDED,
    }


def test_a_digest_is_kept_short_and_different() -> None:
    assert len(short("sha256:" + "ab" * 32)) == 22
    assert short("sha256:" + "ab" * 32) != short("sha256:" + "ac" * 32)
    assert short("x") != short("y")


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
FILES = st.dictionaries(PATHS, st.tuples(st.sampled_from("xy"), st.sampled_from([0o644, 0o600])), max_size=8)


def leaves(files: dict[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """Without files that others make a directory of."""
    return {p: v for p, v in files.items() if not any(other.startswith(f"{p}/") for other in files)}


@given(FILES, FILES, st.sampled_from([50, 200, 10**6]), st.sampled_from([50, 200, 10**6]))
def test_a_difference_is_found_if_and_only_if_there_is_one(
    new: dict[str, tuple[str, int]], old: dict[str, tuple[str, int]], one: int, other: int
) -> None:
    new, old = leaves(new), leaves(old)
    mine = tree(*(file(p, *v) for p, v in new.items()), budget=one)
    theirs = tree(*(file(p, *v) for p, v in old.items()), budget=other)
    found = diff(*mine, *theirs).changes
    assert bool(found) == (new != old)
    exact = {c.path for c in found if c.how is not How.WITHIN and not c.folder}
    assert exact <= {p[1:] for p in new.keys() | old.keys() if new.get(p) != old.get(p)} | {
        prefix for p in new.keys() | old.keys() for prefix in _prefixes(p)
    }


def _prefixes(path: str) -> list[str]:
    parts = path[1:].split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def mode(before: int, after: int, *, folder: bool = False) -> PathChange:
    return PathChange(path="p", how=How.MODE, before=before, after=after, folder=folder)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([mode(0o664, 0o644)], True),
        ([mode(0o664, 0o644), mode(0o775, 0o755), mode(0o775, 0o755, folder=True)], True),
        ([mode(0o600, 0o644), mode(0o700, 0o755)], True),
        ([mode(0o644, 0o755)], False),
        ([mode(0o664, 0o644), mode(0o600, 0o644)], False),
        ([mode(0o4755, 0o755)], False),
        ([mode(0o666, 0o644), mode(0o775, 0o755)], False),
        ([mode(0o640, 0o644)], True),
        ([mode(0o444, 0o644)], False),
    ],
)
def test_a_umask_is_told_only_where_two_umasks_explain_all(found: list[PathChange], expected: bool) -> None:
    assert umask_of(found) is expected
