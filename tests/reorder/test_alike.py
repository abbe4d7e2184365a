from __future__ import annotations

import os

import pytest

from fastbuild.reorder.alike import Alike, alike, shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-23T13_20_28_123Z-debug-0.log", "2027-01-02T03_04_05_006Z-debug-1.log"),
        ("tmp.eeMzFS", "tmp.KNUHEK"),
        ("tmp.Abcdefghij", "tmp.0123456789"),
        ("tmpabcdefgh", "tmp0_x9y8z7"),
        ("hsperfdata_12", "hsperfdata_9"),
        ("4f3c2a1b", "deadbeef"),
    ],
)
def test_varying_names_of_one_kind_have_one_shape(one: str, other: str) -> None:
    assert shape(one) == shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("debug-0.log", "error-0.log"),
        ("settings.json", "database.json"),
        ("tmpab", "tmpac"),
        ("a1.log", "a1.txt"),
        ("Changelog", "Copyright"),
    ],
)
def test_other_names_have_other_shapes(one: str, other: str) -> None:
    assert shape(one) != shape(other)


def judged(one: str | bytes, two: str | bytes, new: str | bytes) -> Alike:
    return alike(*(text.encode() if isinstance(text, str) else text for text in (one, two, new)))


def test_a_varying_time_explains_another_time() -> None:
    assert judged("at 13:20:28 done\n", "at 13:21:05 done\n", "at 13:20:41 done\n") is Alike.EXPLAINED


def test_one_of_the_two_samples_again_is_explained() -> None:
    assert judged("anything", "else", "else") is Alike.EXPLAINED


def test_another_word_is_beyond_a_varying_time() -> None:
    assert judged("13:20:28 one", "13:21:05 one", "13:20:41 two") is Alike.BEYOND
    assert judged("13:20:28 one", "13:21:05 one", "13:20:41 one more") is Alike.BEYOND


def test_a_number_that_both_samples_share_is_not_explained_away() -> None:
    assert judged("13:20:28 version 1", "13:21:05 version 1", "13:20:41 version 2") is Alike.UNKNOWN


def test_samples_that_are_simply_different_tell_nothing() -> None:
    assert judged("alpha", "beta", "gamma") is Alike.UNKNOWN
    assert judged(os.urandom(900) + b"\0", os.urandom(900) + b"\0", os.urandom(900) + b"\0") is Alike.UNKNOWN


def binary(time: int, rest: bytes = b"\0" * 9000) -> bytes:
    return b"head\0" + time.to_bytes(8, "little") + rest


def test_a_time_in_a_binary_file() -> None:
    assert judged(binary(1000), binary(1001), binary(70_000)) is Alike.EXPLAINED
    far = b"\0" * 8000 + b"x" + b"\0" * 999
    assert judged(binary(1000), binary(1001), binary(1002, far)) is Alike.UNKNOWN
    assert judged(binary(1000), binary(1001), binary(1002) + b"x") is Alike.UNKNOWN
