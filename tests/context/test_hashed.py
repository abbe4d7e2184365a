from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastbuild.context.filehash import directory_digest, file_digest, symlink_digest
from fastbuild.context.hashed import HashedTree
from fastbuild.context.tree import Tree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import UsageError
from fastbuild.keys.content import Node, content_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a")
    (root / "src" / "deep" / "b\udcff").write_text("b")
    (root / "empty").mkdir()
    (root / "link").symlink_to("src/./a.py")
    (root / "run").write_text("#!")
    for path, mode in {"src/a.py": 0o664, "run": 0o4775, "empty": 0o2775, "src": 0o755}.items():
        (root / path).chmod(mode)
    return root


def tree(folder: Path, ignore: str = "", *, normal: bool = False) -> HashedTree:
    return HashedTree(folder, Ignore.read(ignore), None, normal_modes=normal)


def everything(files: HashedTree, top: str = "/") -> set[str]:
    """The paths of all entries, relative to the root."""
    found = set()
    for name in files.names(top):
        path = f"{top.rstrip('/')}/{name}"
        found.add(path[1:])
        node = files.look(path)
        assert node is not None
        if node.kind == "directory":
            found |= everything(files, path)
    return found


def test_entries_are_as_on_disk(folder: Path) -> None:
    files = tree(folder)
    assert files.look("/") == Node(kind="directory", mode=0o755)
    assert files.look("/src/a.py") == Node(kind="file", mode=0o664)
    assert files.look("/empty") == Node(kind="directory", mode=0o2775)
    assert files.look("/link") == Node(kind="symlink", mode=0o777, target="src/./a.py")
    assert files.look("/gone") is None
    assert files.look("/run/below") is None
    assert files.look("/gone/below") is None
    assert sorted(files.names("/src")) == ["a.py", "deep"]


def test_no_link_is_followed_on_the_way(folder: Path) -> None:
    (folder / "folder").symlink_to("src")
    assert tree(folder).look("/folder/a.py") is None


def test_digests_are_of_header_and_bytes(folder: Path) -> None:
    files = tree(folder)
    assert files.digest("/src/a.py") == file_digest(0o664, b"a")
    assert files.digest("/run") == file_digest(0o4775, b"#!")
    assert files.digest("/empty") == directory_digest(0o2775)
    assert files.digest("/link") == symlink_digest("src/./a.py")


def test_many_files_are_hashed_as_one_by_one(folder: Path) -> None:
    for number in range(300):
        (folder / "src" / f"{number}").write_text(f"{number}\n" * number)
    paths = [f"/src/{number}" for number in range(300)]
    together = tree(folder)
    together.read_ahead(paths)
    assert [together.digest(path) for path in paths] == [tree(folder).digest(path) for path in paths]


def test_a_long_file_is_hashed_in_pieces(folder: Path) -> None:
    data = bytes(range(256)) * 10_000
    (folder / "long").write_bytes(data)
    (folder / "long").chmod(0o644)
    assert tree(folder).digest("/long") == file_digest(0o644, data)


def test_normal_modes_are_those_of_a_checkout_under_umask_022(folder: Path) -> None:
    files = tree(folder, normal=True)
    modes = {path: node.mode for path in everything(files) if (node := files.look(f"/{path}"))}
    folders = dict.fromkeys(("src", "src/deep", "empty"), 0o755)
    assert modes == {**folders, "link": 0o777, "src/a.py": 0o644, "src/deep/b\udcff": 0o644, "run": 0o755}
    assert files.digest("/run") == file_digest(0o755, b"#!")
    assert files.digest("/empty") == directory_digest(0o755)


def test_two_umasks_are_one_content(tmp_path: Path) -> None:
    digests = []
    for name, (mode, folder_mode, program_mode) in {
        "a": (0o644, 0o755, 0o755),
        "b": (0o664, 0o775, 0o775),
    }.items():
        root = tmp_path / name
        (root / "src").mkdir(parents=True)
        (root / "src" / "f").write_text("f")
        (root / "src" / "run").write_text("#!")
        (root / "src" / "f").chmod(mode)
        (root / "src" / "run").chmod(program_mode)
        (root / "src").chmod(folder_mode)
        digests.append((content_digest(tree(root), ()), content_digest(tree(root, normal=True), ())))
    assert digests[0][0] != digests[1][0]
    assert digests[0][1] == digests[1][1] == digests[0][0]


def test_given_modes_count_instead_of_those_on_disk(folder: Path) -> None:
    files = HashedTree(folder, Ignore(()), None, modes={"src/a.py": 0o644, "empty": 0o755})
    assert files.look("/src/a.py") == Node(kind="file", mode=0o644)
    assert files.digest("/src/a.py") == file_digest(0o644, b"a")
    assert files.digest("/empty") == directory_digest(0o755)
    assert files.digest("/run") == file_digest(0o4775, b"#!")


def test_one_mode_for_all_leaves_the_content_to_tell(folder: Path) -> None:
    files = HashedTree(folder, Ignore(()), None, one_mode=0o644)
    assert files.digest("/run") == file_digest(0o644, b"#!")
    assert files.digest("/src/a.py") == file_digest(0o644, b"a")


@pytest.mark.parametrize(
    "ignore",
    [
        "",
        "src\n",
        "*\n",
        "*\n!src/deep\n",
        "src\n!src/deep/b*\n",
        "**/a.py\nempty\n",
        "*\n!empty\n",
        "link\n!gone\n",
    ],
)
def test_an_ignore_file_leaves_the_same_as_elsewhere(ignore: str, folder: Path) -> None:
    if ignore:
        (folder / ".dockerignore").write_text(ignore)
    assert everything(tree(folder, ignore)) == set(Tree(folder).files())


def test_what_is_ignored_is_not_there(folder: Path) -> None:
    files = tree(folder, "src/deep\n")
    assert files.look("/src/deep") is None
    assert files.look("/src/deep/b\udcff") is None
    with pytest.raises(UsageError, match="not in the build context"):
        files.digest("/src/deep/b\udcff")


def test_only_what_is_asked_for_is_read(folder: Path) -> None:
    files = tree(folder)
    assert files.look("/run") is not None
    (folder / "src" / "late").write_text("late")  # the directory was not listed yet
    assert files.look("/src/late") is not None


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o644)
    files = tree(tmp_path)
    node = files.look("/pipe")
    assert node is not None
    assert node.kind == "other"
    assert files.digest("/pipe").startswith("sha256:")


def test_a_file_that_vanishes_is_an_error_that_names_it(folder: Path) -> None:
    files = tree(folder)
    assert files.look("/run") is not None
    (folder / "run").unlink()
    with pytest.raises(UsageError, match="run"):
        files.digest("/run")


def test_a_file_that_became_a_link_is_not_followed(folder: Path) -> None:
    files = tree(folder)
    assert files.look("/run") is not None
    (folder / "run").unlink()
    (folder / "run").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match="run"):
        files.digest("/run")


def test_a_bad_pattern_in_the_ignore_file_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="bad pattern"):
        tree(folder, "[\n").names("/")
