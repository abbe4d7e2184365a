from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastbuild.context import copies
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "pröject dir"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "f").write_text("AAA")
    (root / "src" / "deep" / "g").write_text("x")
    (root / "link").symlink_to("f")
    return root


def build(project: Path, home: Path, *, delivered: bool = True) -> str:
    """One build's worth of leasing; returns the copy's name."""
    lease = copies.lease(home, "key", copies.scan(project))
    if delivered:
        lease.sent()
    lease.release()
    return lease.name


def test_an_unchanged_directory_keeps_its_copy(project: Path, tmp_path: Path) -> None:
    assert build(project, tmp_path / "home") == build(project, tmp_path / "home")


def test_an_ordinary_edit_keeps_the_copy(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "home")
    (project / "f").write_text("AAAA")
    (project / "new").write_text("n")
    (project / "src" / "deep" / "g").unlink()
    assert build(project, tmp_path / "home") == before


def test_an_edit_that_restores_size_and_mtime_begins_a_new_copy(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "home")
    info = (project / "f").stat()
    (project / "f").write_text("BBB")
    os.utime(project / "f", ns=(info.st_atime_ns, info.st_mtime_ns))
    assert build(project, tmp_path / "home") != before


def test_a_directory_s_mode_begins_a_new_copy(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "home")
    (project / "src").chmod(0o700)
    assert build(project, tmp_path / "home") != before


def test_an_xattr_begins_a_new_copy(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "home")
    try:
        os.setxattr(project / "src", "user.kind", b"code")
    except OSError:
        pytest.skip("this file system has no user xattrs")
    assert build(project, tmp_path / "home") != before


def test_after_a_crash_or_an_interrupted_transfer_the_copy_is_not_trusted(
    project: Path, tmp_path: Path
) -> None:
    before = build(project, tmp_path / "home")
    assert build(project, tmp_path / "home", delivered=False) == before
    assert build(project, tmp_path / "home") != before


def test_a_build_that_does_not_need_the_directory_leaves_its_copy_as_it_was(
    project: Path, tmp_path: Path
) -> None:
    before = build(project, tmp_path / "home")
    (project / "src").chmod(0o700)
    lease = copies.lease(tmp_path / "home", "key", copies.scan(project))
    assert lease.name != before
    lease.untouched()
    lease.release()
    (project / "src").chmod(0o755)
    assert build(project, tmp_path / "home") == before


def test_concurrent_builds_of_one_directory_have_different_copies(project: Path, tmp_path: Path) -> None:
    index = copies.scan(project)
    first = copies.lease(tmp_path / "home", "key", index)
    second = copies.lease(tmp_path / "home", "key", index)
    assert first.name != second.name
    first.release()
    third = copies.lease(tmp_path / "home", "key", index)
    assert third.name.rsplit("-", 1)[0] == first.name.rsplit("-", 1)[0]
    second.release()
    third.release()


def test_a_broken_index_is_no_index(project: Path, tmp_path: Path) -> None:
    before = build(project, tmp_path / "home")
    (tmp_path / "home" / "key" / "0.json").write_text('{"generation": 1')
    assert build(project, tmp_path / "home") != before


def test_ignored_files_are_not_in_the_index(project: Path) -> None:
    assert copies.scan(project, Ignore(["src", "f"])).keys() == {"link"}


def test_a_directory_is_read_for_the_sake_of_an_exception(project: Path) -> None:
    index = copies.scan(project, Ignore(["*", "!src/deep/g"]))
    assert index.keys() == {"src", "src/deep", "src/deep/g"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_directory_is_named(project: Path) -> None:
    (project / "src").chmod(0)
    with pytest.raises(UsageError, match="src"):
        copies.scan(project)


def test_a_closed_file_is_an_error_unless_ignored(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "closed.key").write_text("x")
    (project / "closed.key").chmod(0o600)
    index = copies.scan(project)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith("closed.key"))
    with pytest.raises(UsageError, match=r"closed\.key"):
        copies.require_readable(project, index)
    copies.require_readable(project, copies.scan(project, Ignore(["*.key"])))
