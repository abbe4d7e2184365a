from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.dockerfile.ignore import Ignore
from fastbuild.keys.patterns import Patterns

WORDS = st.sampled_from(["a", "b", "*", "**", "a*", "?", "[ab]", "ab", ".."])
PATTERNS = st.builds(
    lambda excepts, words: ("!" if excepts else "") + "/".join(words),
    st.booleans(),
    st.lists(WORDS, min_size=1, max_size=3),
)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "é"]), min_size=1, max_size=4)


def walked(patterns: Patterns, parts: list[str]) -> bool:
    """The verdict on a path, when each directory above it was compared before."""
    matched, above = False, ()
    for end in range(1, len(parts) + 1):
        matched, above = patterns.match("/".join(parts[:end]), above)
    return matched


@given(st.lists(PATTERNS, max_size=4), PATHS)
def test_walked_from_the_root_the_rules_are_those_of_ignore_files(
    patterns: list[str], parts: list[str]
) -> None:
    if any(each.lstrip("!") in ("", "..") for each in patterns):
        return
    ignore = Ignore(patterns)
    below = "/".join(parts[:-1])
    if not ignore.may_contain(below):
        return  # an ignore file's walk ends there
    assert walked(Patterns(patterns), parts) is ignore.ignores("/".join(parts))


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["*.txt"], "a.txt", True),
        (["*.txt"], "b/a.txt", False),
        (["**/*.txt"], "b/a.txt", True),
        (["b"], "b/c/d", True),
        (["b", "!b/c"], "b/c/d", False),
        (["  b  ", ""], "b", True),
        (["./b/../c"], "c", True),
        (["**"], "", True),
        ([], "a", False),
    ],
)
def test_without_what_is_above_it_the_path_s_own_parents_are_compared(
    patterns: list[str], path: str, expected: bool
) -> None:
    assert Patterns(patterns).match(path, ())[0] is expected


def test_what_the_parent_matched_counts_below() -> None:
    patterns = Patterns(["a", "!a/b"])
    matched, above = patterns.match("a", ())
    assert (matched, above) == (True, (True, False))
    assert patterns.match("a/c", above)[0] is True
    assert patterns.match("a/b", above)[0] is False


@pytest.mark.parametrize("pattern", ["!", "[", "a[", "a\\"])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="syntax error"):
        Patterns([pattern])


def test_what_is_malformed_further_on_is_found_when_compared() -> None:
    patterns = Patterns(["*a*["])
    with pytest.raises(ValueError, match=r".+"):
        patterns.match("aaa", ())
