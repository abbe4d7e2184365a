"""Sets of paths against a plain reading of what they say."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.hierarchy import covers, overlaps
from fastbuild.reorder.effects import overlap
from fastbuild.reorder.paths import PathSet, canonical

paths = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
trees = st.frozensets(st.one_of(paths, st.just("/")), max_size=3)
origins = st.sampled_from((("file", "x"), ("file", "y"), ("directory", "z"), ("link", "l")))
sets = st.builds(PathSet, trees, st.dictionaries(paths, origins, max_size=3))


@settings(deadline=None)
@given(sets, sets)
def test_two_sets_clash_where_both_change_one_place(one: PathSet, other: PathSet) -> None:
    clashes = any(overlaps(a, b) for a in one.trees for b in other.trees)
    for mine, theirs in ((one, other), (other, one)):
        for path, origin in mine.entries.items():
            solid = origin[0] != "directory"
            clashes |= any(covers(tree, path) or (solid and covers(path, tree)) for tree in theirs.trees)
            clashes |= any(
                b != origin if p == path else solid and covers(path, p) for p, b in theirs.entries.items()
            )
    assert bool(one.clash(other)) == clashes
    assert bool(other.clash(one)) == clashes


@settings(deadline=None)
@given(sets, trees)
def test_a_reader_notices_files_above_and_all_below(one: PathSet, reads: frozenset[str]) -> None:
    noticed = any(overlaps(tree, read) for tree in one.trees for read in reads)
    for path, origin in one.entries.items():
        noticed |= any(
            covers(read, path) or (origin[0] != "directory" and covers(path, read)) for read in reads
        )
    assert bool(one.reaches(reads)) == noticed


@settings(deadline=None)
@given(trees, trees)
def test_overlap_finds_a_path_of_either(one: frozenset[str], other: frozenset[str]) -> None:
    found = overlap(one, other)
    assert (found is not None) == any(overlaps(a, b) for a in one for b in other)


def test_places_with_two_names() -> None:
    assert canonical("/bin/x") == canonical("//usr/bin/./x") == "/usr/bin/x"
    assert canonical("/binary") == "/binary"
    assert canonical("/var/run/../lock/x") == "/run/lock/x"
