"""What COPY and ADD write, entry by entry."""

from __future__ import annotations

import pytest

from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.copying import Copied, copied, go_pattern
from tests.reorder.cases import Files

FILES = Files(
    texts={"a.txt": "a", "b.txt": "b", "sub/c.txt": "c", "sub/deep/d": "d", "pack": "BZh9", "x y": ""},
    links={"l": "a.txt", "dl": "sub", "sub/up": "../a.txt", "gone": "nowhere"},
    modes={"empty": 0o755},
)


def written(line: str, context: Files | None = FILES) -> Copied:
    subject = Subject(parse(f"FROM busybox\nWORKDIR /w\n{line}\n"), context)
    found = copied(subject.stages[0].steps[-1], context)
    assert found is not None
    return found


EXACT = [
    ("COPY a.txt /d/", "/d/a.txt"),
    ("COPY a.txt b.txt ./", "/w/a.txt /w/b.txt"),
    ("COPY sub /d", "/d/c.txt /d/deep /d/deep/d /d/up"),
    ("COPY sub/ /d/", "/d/c.txt /d/deep /d/deep/d /d/up"),
    ("COPY *.txt /d/", "/d/a.txt /d/b.txt"),
    ("COPY s?b /d/", "/d/c.txt /d/deep /d/deep/d /d/up"),
    ("COPY [ab].txt /d/", "/d/a.txt /d/b.txt"),
    ("COPY dl /d", "/d/c.txt /d/deep /d/deep/d /d/up"),
    ("COPY l /d/", "/d/l"),
    ("COPY empty /d/e", "/d/e"),
    ('COPY ["x y", "/d/"]', "/d/x y"),
    ("ADD a.txt /bin/", "/usr/bin/a.txt"),
]


@pytest.mark.parametrize(("line", "paths"), EXACT)
def test_entries(line: str, paths: str) -> None:
    found = written(line)
    assert found.writes.trees == frozenset()
    assert set(found.writes.entries) == ({paths} if "x y" in paths else set(paths.split()))


COARSE = [
    *(
        "COPY a.txt /d",
        "COPY --from=other a /d",
        "COPY --exclude=a . /d",
        "COPY --parents a.txt /d/",
        "COPY no /d",
    ),
    *(
        "COPY no*thing /d/",
        "COPY dl/*.txt /d/",
        "COPY */*.txt /d/",
        "COPY gone /d/",
        "COPY l* /d/",
        "ADD pack /d/",
    ),
    *(
        "ADD a.tar.gz /d/",
        "ADD https://example.org/a /d/",
        "ADD git@example.org:a.git /d",
        "COPY <<E /d/\nx\nE",
    ),
]


@pytest.mark.parametrize("line", COARSE)
def test_where_only_the_destination_is_known(line: str) -> None:
    assert "/d" in {path.rstrip("/") for path in written(line).writes.trees}


def test_links_are_kept_in_directories_and_followed_by_name() -> None:
    inside, named = written("COPY sub /d"), written("COPY l /d/")
    assert inside.links == {"/d/up"}
    assert inside.writes.entries["/d/up"][0] == "link"
    assert named.links == frozenset()
    assert named.writes.entries["/d/l"] == written("COPY a.txt /d/").writes.entries["/d/a.txt"]


def test_directories_are_made_with_the_flags_of_their_copy() -> None:
    assert written("COPY a.txt /d/e/").makes == {"/d": "0755", "/d/e": "0755"}
    plain, same = written("COPY --chmod=755 sub /d"), written("COPY --chmod=0755 sub /d")
    assert plain.makes == same.makes == {"/d": "0755"}
    for flags in ("--chown=5", "--chmod=700", "--chmod=u=rwX,go=", "--link"):
        assert written(f"COPY {flags} sub /d").makes != plain.makes


def test_a_linked_copy_sets_the_directories_above() -> None:
    for line in ("COPY --link a.txt /d/e/", "COPY --link --from=other a /d/e/f"):
        assert {"/d", "/d/e"} <= set(written(line).writes.entries)


def test_one_content_has_one_origin() -> None:
    one, other = written("COPY sub /d"), written("COPY . /x")
    assert one.writes.entries["/d/c.txt"] == other.writes.entries["/x/sub/c.txt"]
    owned = written("COPY --chown=5 sub /d")
    assert one.writes.entries["/d/c.txt"] != owned.writes.entries["/d/c.txt"]


def test_without_a_context_only_the_destination_is_known() -> None:
    assert written("COPY a.txt b.txt /d/", None).writes.trees == {"/d"}


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.txt", "a.txt", "d/a.txt"),
        ("a?c", "abc", "a/c"),
        ("[a-c]", "b", "d"),
        ("[^a]", "b", "a"),
        (r"\*", "*", "a"),
        ("a+b", "a+b", "aab"),
    ],
)
def test_patterns_match_as_in_go(pattern: str, yes: str, no: str) -> None:
    assert go_pattern(pattern).fullmatch(yes)
    assert not go_pattern(pattern).fullmatch(no)
