from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbuild.context.digest_index import MAGIC, DigestIndex
from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.keys.content import content_digest

if TYPE_CHECKING:
    from pathlib import Path

LATER = 10_000_000_000
"""Nanoseconds: files made by a test are old when the look at them begins so much later."""
WRONG = b"\x01" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "src").mkdir(parents=True)
    (root / "a").write_text("one")
    (root / "src" / "b\udcff").write_text("two")
    return root


def opened(folder: Path, *, later: int = LATER) -> DigestIndex:
    return DigestIndex(folder.parent / "index", folder, now_ns=time.time_ns() + later)


def tree(folder: Path, index: DigestIndex | None, ignore: str = "", *, normal: bool = False) -> HashedTree:
    return HashedTree(folder, Ignore.read(ignore), index, normal_modes=normal)


def hashed(folder: Path, ignore: str = "") -> str:
    """The digest of everything, with the index read before and written after."""
    files = tree(folder, opened(folder), ignore)
    digest = content_digest(files, ())
    files.save()
    return digest


def plant(folder: Path, path: str, mode: int = 0o644) -> None:
    """A wrong digest for a file as it is now: who trusts the index, gives it back."""
    index = opened(folder)
    index.put(path, (folder / path).stat(), mode, WRONG)
    index.save(lambda path: False)


def believed(folder: Path, path: str, *, normal: bool = False) -> bool:
    """Whether the planted digest is taken for the file's."""
    return tree(folder, opened(folder), normal=normal).digest(f"/{path}") == f"sha256:{WRONG.hex()}"


def test_a_file_that_did_not_change_is_not_read_again(folder: Path) -> None:
    hashed(folder)
    plant(folder, "a")
    assert believed(folder, "a")


def test_with_and_without_an_index_the_digest_is_the_same(folder: Path) -> None:
    plain = content_digest(tree(folder, None), ())
    assert hashed(folder) == plain
    assert len(opened(folder)) == 2
    assert hashed(folder) == plain


@pytest.mark.parametrize("what", ["content", "restored mtime", "mode", "replaced", "touched", "attribute"])
def test_a_change_is_noticed(what: str, folder: Path) -> None:
    file = folder / "a"
    plant(folder, "a")
    before = file.stat()
    if what == "content":
        file.write_text("longer")
    elif what == "restored mtime":
        file.write_text("eno")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif what == "mode":
        file.chmod(0o755)
    elif what == "replaced":
        (folder / "new").write_text("one")
        os.utime(folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (folder / "new").replace(file)
    elif what == "touched":
        os.utime(file)
    else:
        try:
            os.setxattr(file, "user.kind", b"code")
        except OSError:
            pytest.skip("this file system has no user xattrs")
    assert not believed(folder, "a")


def test_a_file_as_young_as_the_look_at_it_is_not_kept(folder: Path) -> None:
    index = opened(folder, later=0)
    files = tree(folder, index)
    content_digest(files, ())
    files.save()
    assert len(index) == 0
    assert len(opened(folder)) == 0


def test_a_file_that_became_young_is_dropped(folder: Path) -> None:
    plant(folder, "a")
    (folder / "a").write_text("new")
    files = tree(folder, opened(folder, later=0))
    content_digest(files, ())
    files.save()
    assert len(opened(folder)) == 0


def test_another_mode_in_the_header_is_another_digest(folder: Path) -> None:
    (folder / "a").chmod(0o664)
    plant(folder, "a", mode=0o664)
    assert believed(folder, "a")
    assert not believed(folder, "a", normal=True)


def test_files_that_are_gone_leave_the_index(folder: Path) -> None:
    hashed(folder)
    (folder / "src" / "b\udcff").unlink()
    (folder / "src").rmdir()
    (folder / "c").write_text("new")
    hashed(folder)
    assert len(opened(folder)) == 2


def test_files_that_were_not_looked_for_or_are_ignored_stay(folder: Path) -> None:
    hashed(folder)
    (folder / "c").write_text("new")
    hashed(folder, ignore="src\n")
    files = tree(folder, opened(folder))
    (folder / "d").write_text("newer")
    files.digest("/d")
    files.save()
    assert len(opened(folder)) == 4


def test_an_index_of_another_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    hashed(folder)
    (tmp_path / "other").mkdir()
    assert len(DigestIndex(folder.parent / "index", folder)) == 2
    assert len(DigestIndex(folder.parent / "index", tmp_path / "other")) == 0


def test_an_index_that_can_t_be_written_is_no_error(folder: Path) -> None:
    index = DigestIndex(folder / "a" / "index", folder, now_ns=time.time_ns() + LATER)
    files = tree(folder, index)
    content_digest(files, ())
    files.save()
    assert len(index) == 2


def test_nothing_is_left_beside_the_index(folder: Path) -> None:
    hashed(folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["context", "index"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_index_counts_as_none(data: st.DataObject, folder: Path) -> None:
    hashed(folder)
    file = folder.parent / "index"
    good = file.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    what = data.draw(st.sampled_from(["flipped", "cut", "longer", "only magic"]))
    changed = {
        "flipped": good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :],
        "cut": good[:at],
        "longer": good + b"x",
        "only magic": MAGIC + good[len(MAGIC) :][:at],
    }[what]
    file.write_bytes(changed)
    assert len(opened(folder)) == (2 if changed == good else 0)
    assert hashed(folder) == content_digest(tree(folder, None), ())
    assert len(opened(folder)) == 2


def test_an_index_with_a_right_sum_and_wrong_numbers_counts_as_none(folder: Path) -> None:
    import hashlib
    import struct

    where = os.fsencode(os.path.realpath(folder))
    for count, length in ((1, len(where)), (2**60, len(where)), (2**64 - 1, 2**64 - 1), (0, 2**63)):
        rest = struct.pack("<QQ", count, length) + where
        (folder.parent / "index").write_bytes(MAGIC + hashlib.sha256(rest).digest() + rest)
        assert len(opened(folder)) == 0
