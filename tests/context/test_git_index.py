from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.context.git_index import IndexFormatError, parse, parse_listing, tracked

if TYPE_CHECKING:
    from pathlib import Path

Entries = list[tuple[str, int]]
ENTRIES: Entries = [
    ("Dockerfile", 0o100644),
    ("a/very/deep/path", 0o100755),
    ("a/very/deep/pathology", 0o100644),
    ("link", 0o120000),
    ("name with ünicode \udcff", 0o100644),
    ("z", 0o160000),
]


def index_bytes(entries: Entries, version: int = 2, hash_bytes: int = 20, extensions: bytes = b"") -> bytes:
    """An index as git writes it: https://git-scm.com/docs/index-format."""
    data = struct.pack(">4sII", b"DIRC", version, len(entries))
    before = b""
    for path, mode in entries:
        name = path.encode("utf-8", "surrogateescape")
        flags = min(len(name), 0xFFF) | (0x4000 if version == 3 else 0)
        entry = struct.pack(">24xI12x", mode) + b"h" * hash_bytes + struct.pack(">H", flags)
        entry += b"\0\0" if version == 3 else b""
        if version == 4:
            common = 0
            while common < min(len(name), len(before)) and name[common] == before[common]:
                common += 1
            data += entry + varint(len(before) - common) + name[common:] + b"\0"
        else:
            entry += name
            data += entry + b"\0" * (8 - len(entry) % 8)
        before = name
    return data + extensions + b"c" * hash_bytes


def varint(number: int) -> bytes:
    out = [number & 0x7F]
    while number := number >> 7:
        number -= 1
        out.insert(0, 0x80 | number & 0x7F)
    return bytes(out)


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("hash_bytes", [20, 32])
def test_every_version_and_hash_is_read(version: int, hash_bytes: int) -> None:
    long = [*ENTRIES, ("zz/" + "l" * 5000, 0o100644), ("zzz", 0o100755)]
    data = index_bytes(long, version, hash_bytes, b"TREE\0\0\0\2ab")
    assert list(parse(data, hash_bytes=hash_bytes).items()) == long


@pytest.mark.parametrize("kind", [b"link", b"sdir"])
def test_split_and_sparse_indexes_are_refused(kind: bytes) -> None:
    with pytest.raises(IndexFormatError, match="split or sparse"):
        parse(index_bytes(ENTRIES, extensions=b"TREE\0\0\0\1x" + kind + b"\0\0\0\0"))


@given(st.sampled_from([2, 3, 4]), st.data())
def test_a_damaged_index_is_an_error_of_ours_or_other_names(version: int, data: st.DataObject) -> None:
    whole = bytearray(index_bytes(ENTRIES, version))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(IndexFormatError):
        assert isinstance(parse(cut), dict)


def test_a_huge_count_of_entries_ends_at_the_end_of_the_file() -> None:
    with pytest.raises(IndexFormatError):
        parse(struct.pack(">4sII", b"DIRC", 2, 0xFFFFFFFF) + b"\0" * 400)


def repository(root: Path, entries: Entries, **options: str) -> tuple[Path, Path]:
    git_dir = root / ".git"
    git_dir.mkdir(parents=True)
    (git_dir / "index").write_bytes(index_bytes(entries, hash_bytes=32 if options else 20))
    config = "".join(f"\t{key} = {value}\n" for key, value in options.items())
    (git_dir / "config").write_text(f"[extensions]\n{config}")
    return root, git_dir


def test_paths_are_relative_to_the_context(tmp_path: Path) -> None:
    found = repository(tmp_path, [("app/f", 0o100644), ("app/x/y", 0o100755), ("apple", 0o100644)])
    (tmp_path / "app").mkdir()
    (tmp_path / "link").symlink_to("app")
    for folder in (tmp_path / "app", tmp_path / "link"):
        assert tracked(folder, lambda _: found) == {"f": 0o100644, "x/y": 0o100755}


def test_a_repository_of_sha256_is_known_by_its_config(tmp_path: Path) -> None:
    found = repository(tmp_path, ENTRIES, objectFormat="sha256")
    assert tracked(tmp_path, lambda _: found) == dict(ENTRIES)


def test_files_of_submodules_are_tracked_as_well(tmp_path: Path) -> None:
    outer = repository(tmp_path, [("sub", 0o160000), ("absent", 0o160000)])
    inner = repository(tmp_path / "sub", [("f", 0o100755)])

    def find(path: Path) -> tuple[Path, Path]:
        return inner if path == tmp_path / "sub" else outer

    assert tracked(tmp_path, find) == {"sub": 0o160000, "absent": 0o160000, "sub/f": 0o100755}


def test_outside_git_nothing_is_known(tmp_path: Path) -> None:
    assert tracked(tmp_path, lambda _: None) is None


def test_a_repository_without_an_index_tracks_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert tracked(tmp_path, lambda _: (tmp_path, tmp_path / ".git")) == {}


def test_git_s_own_listing_says_the_same() -> None:
    text = "100644 " + "a" * 40 + " 0\ta b\tc\x00100755 " + "b" * 40 + " 0\td\x00"
    assert parse_listing(text) == {"a b\tc": 0o100644, "d": 0o100755}
