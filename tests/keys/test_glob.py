from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.keys.glob import BadPattern, matches

CASES = [
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*", "a/b", False),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
    ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "ab", False),
    ("a?b", "aéb", True),
    ("a[^a]b", "aéb", True),
    ("a???b", "aéb", False),
    ("[a-ζ]*", "α", True),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("a[^x]b", "a/b", True),
    ("[\\]a]", "]", True),
    ("[\\-x]", "x", True),
    ("[x\\-]", "-", True),
    ("*x", "xxx", True),
    ("", "", True),
    ("", "a", False),
    ("*[^é]", "é", True),
    ("?", "\udcff", True),
    ("*a[^x]*b", "aac/b", False),
]
"""Mostly from path/match_test.go of Go; the last ones were tried with Go 1.25."""


@pytest.mark.parametrize(("pattern", "name", "expected"), CASES)
def test_a_pattern_fits_as_in_go(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern.encode(), name.encode("utf-8", "surrogateescape")) is expected


@pytest.mark.parametrize(
    "pattern", ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "*[", "b*\\", "[\\"]
)
def test_a_malformed_pattern_is_an_error_for_any_name(pattern: str) -> None:
    for name in (b"", b"a", b"abc", b"-", b"zzz"):
        with pytest.raises(BadPattern):
            matches(pattern.encode(), name)


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=8))
def test_without_slashes_and_classes_it_is_an_ordinary_wildcard(pattern: str, name: str) -> None:
    assert matches(pattern.encode(), name.encode()) is fnmatch.fnmatchcase(name, pattern)


@given(st.text(max_size=12), st.binary(max_size=12))
def test_any_pattern_ends(pattern: str, name: bytes) -> None:
    try:
        matches(pattern.encode("utf-8", "surrogatepass"), name)
    except BadPattern:
        return
