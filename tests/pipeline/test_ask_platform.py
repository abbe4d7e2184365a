from __future__ import annotations

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.errors import UsageError
from fastbuild.pipeline.ask_platform import parse_platform, with_platform

ARM64 = ("linux", "arm64", "")


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/arm64", ARM64),
        ("linux/arm64/v8", ARM64),
        ("arm64", ARM64),
        ("Linux/AARCH64", ARM64),
        ("linux/x86_64", ("linux", "amd64", "")),
        ("linux/arm", ("linux", "arm", "v7")),
        ("linux/amd64/v3", ("linux", "amd64", "v3")),
        ("windows/amd64", ("windows", "amd64", "")),
    ],
)
def test_platforms_are_read_as_the_engine_reads_them(text: str, platform: tuple[str, str, str]) -> None:
    assert parse_platform(text) == platform


@pytest.mark.parametrize(
    "text", ["", "a b", "linux", "local", "linux/", "linux/arm64/v8/x", "linux/nonsense"]
)
def test_what_is_no_platform_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="can't be predicted"):
        parse_platform(text)


def test_every_from_without_a_platform_gets_one_in_its_own_line() -> None:
    text = (
        "# syntax=x\nARG A\n# about one\nfrom busybox AS one\nFROM \\\n  --platform=$BUILDPLATFORM \\\n  x\n"
        "\tFROM \\\n  one\nRUN echo FROM x\n"
    )
    flag = "--platform=$TARGETOS/$TARGETARCH"
    expected = text.replace("from busybox", f"from {flag} busybox").replace("\tFROM", f"\tFROM {flag}")
    assert with_platform(parse(text), ARM64) == expected


def test_a_variant_is_given_where_there_is_one() -> None:
    expected = "FROM --platform=$TARGETOS/$TARGETARCH/$TARGETVARIANT x\n"
    assert with_platform(parse("FROM x\n"), ("linux", "arm", "v7")) == expected


def test_other_bytes_than_the_flag_stay() -> None:
    text = "\ufeffFROM x\r\nRUN <<FROM\r\nFROM y\r\nFROM\r\n"
    assert with_platform(parse(text), ARM64) == text.replace(
        "FROM x", "FROM --platform=$TARGETOS/$TARGETARCH x"
    )
