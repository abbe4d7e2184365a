from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.context.filehash import (
    counts,
    directory_digest,
    file_digest,
    header,
    read_xattrs,
    symlink_digest,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_header_has_neither_name_nor_owner_nor_time() -> None:
    assert header(stat.S_IFREG, 0o644, size=5) == (
        b"namemode420uid0gid0size5typeflag0linknameunamegnamedevmajor0devminor0"
    )
    assert header(stat.S_IFDIR, 0o2755) == (
        b"namemode1517uid0gid0size0typeflag5linknameunamegnamedevmajor0devminor0"
    )
    assert header(stat.S_IFLNK, 0o777, target="to\udcff") == (
        b"namemode511uid0gid0size0typeflag2linknameto\xffunamegnamedevmajor0devminor0"
    )
    assert header(stat.S_IFCHR, 0o600, device=(1, 3)).endswith(
        b"typeflag3linknameunamegnamedevmajor1devminor3"
    )


def test_extended_attributes_come_last_and_in_order() -> None:
    head = header(stat.S_IFREG, 0o644, xattrs={"user.b": b"2", "user.a": b"\xff", "security.selinux": b"x"})
    assert head.endswith(b"devminor0user.a\xffuser.b2")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user.any", True),
        ("trusted.any", True),
        ("security.capability", True),
        ("security.selinux", False),
        ("system.posix_acl_access", False),
        ("com.apple.quarantine", False),
    ],
)
def test_which_attributes_count(name: str, expected: bool) -> None:
    assert counts(name) is expected


def test_a_socket_has_no_header() -> None:
    with pytest.raises(ValueError, match="not a file"):
        header(stat.S_IFSOCK, 0o755)


def test_the_digests_are_those_that_a_daemon_was_seen_to_compute() -> None:
    assert (
        file_digest(0o644, b"x") == "sha256:99745d9d62a47cf71615dbdb41aaa0ae47dfdb822442f8b5494bbc4468ad3d00"
    )
    assert (
        file_digest(0o4755, b"") == "sha256:3bc3937aa5ae7c2cca81f2111bcd092742f8cd71b7acc1aa734abb3677b0cd3e"
    )
    assert (
        directory_digest(0o755) == "sha256:1a2805521573cb10d73bcd51d16bfa84c8f461d68599740e35484b90b2ab1bab"
    )
    assert (
        symlink_digest("src/a.py")
        == "sha256:d736b75c66c70deebcfc7f2637355015e47e56d5a8a92d6912a6761221111ba9"
    )


@given(st.integers(0, 0o7777), st.integers(0, 0o7777), st.binary(max_size=40), st.binary(max_size=40))
def test_mode_and_bytes_decide_a_file_s_digest(mode: int, other: int, data: bytes, others: bytes) -> None:
    same = (mode, data) == (other, others)
    assert (file_digest(mode, data) == file_digest(other, others)) is same


def test_attributes_of_a_link_are_its_own(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("x")
    try:
        os.setxattr(target, "user.kind", b"code")
    except OSError:
        pytest.skip("this file system has no user xattrs")
    (tmp_path / "link").symlink_to("file")
    assert read_xattrs(str(target)) == {"user.kind": b"code"}
    assert read_xattrs(str(tmp_path / "link")) == {}
    with target.open() as opened:
        assert read_xattrs(opened.fileno()) == {"user.kind": b"code"}


def test_a_file_that_is_gone_has_no_attributes(tmp_path: Path) -> None:
    assert read_xattrs(str(tmp_path / "gone")) == {}
