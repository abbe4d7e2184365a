from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastbuild.context.tree import LONGEST_FILE, Tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("app/main.py", "app/.cache/x", ".git/HEAD", "docs/a.md", "docs/keep.md", "Dockerfile"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_without_an_ignore_file_everything_is_there(root: Path) -> None:
    tree = Tree(root)
    assert set(tree.files()) >= {"app", "app/main.py", ".git", ".git/HEAD", "Dockerfile"}
    assert (tree.ignored(), tree.ignore_file(), tree.problem) == (frozenset(), None, "")
    assert tree.files()["app/main.py"].size == len("app/main.py")


def test_the_ignore_file_is_applied_with_its_exceptions(root: Path) -> None:
    (root / ".dockerignore").write_text(".git\ndocs\n!docs/keep.md\n**/.cache\n")
    tree = Tree(root)
    expected = {".dockerignore", "Dockerfile", "app", "app/main.py", "docs", "docs/keep.md"}
    assert set(tree.files()) == expected
    assert tree.files()["docs"].kind == "directory"
    assert tree.ignored() == {".git", "docs"}
    assert tree.read("docs/keep.md") == b"docs/keep.md"
    assert tree.read("docs/a.md") is None


def test_an_ignored_directory_is_not_even_looked_into(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".dockerignore").write_text("app\n")
    looked: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(str(path)) or scandir(path))
    Tree(root).files()
    assert any("docs" in path for path in looked)
    assert not any("app" in path.removeprefix(str(root)) for path in looked)


def test_nothing_is_read_before_it_is_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("walked"))
    tree = Tree(root)
    assert tree.read("Dockerfile") == b"Dockerfile"
    assert tree.ignore_file() is None


def test_the_ignore_file_beside_the_dockerfile_comes_first(root: Path) -> None:
    (root / ".dockerignore").write_text("app\n")
    (root / "docs" / "Web.Dockerfile").write_text("FROM a\n")
    (root / "docs" / "Web.Dockerfile.dockerignore").write_text("docs\n")
    tree = Tree(root, root / "docs" / "Web.Dockerfile")
    assert tree.ignore_file() == ("docs/Web.Dockerfile.dockerignore", "docs\n")
    assert tree.ignored() == {"docs"}


def test_a_text_stands_for_a_file_that_is_not_written_yet(root: Path) -> None:
    tree = Tree(root, root / "Dockerfile", {".dockerignore": ".git\n"})
    assert tree.ignored() == {".git"}
    assert tree.read(".dockerignore") == b".git\n"
    assert tree.files()[".dockerignore"].size == 5


def test_a_bad_pattern_counts_as_none_and_is_named(root: Path) -> None:
    (root / ".dockerignore").write_text("app\n[\n")
    tree = Tree(root)
    assert "app/main.py" in tree.files()
    assert ".dockerignore:2" in tree.problem


def test_links_are_followed_inside_the_context_only(root: Path) -> None:
    (root / "inside").symlink_to("app/main.py")
    (root / "outside").symlink_to("/etc/hostname")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    tree = Tree(root)
    assert tree.read("inside") == b"app/main.py"
    assert [tree.read(name) for name in ("outside", "up", "loop", "../x", "/etc/hostname", "a\0b")] == [
        None
    ] * 6
    assert (tree.files()["inside"].kind, tree.files()["inside"].target) == ("link", "app/main.py")
    assert "up/app" not in tree.files()


def test_a_link_does_not_bring_an_ignored_file_back(root: Path) -> None:
    (root / "link").symlink_to("app/main.py")
    (root / ".dockerignore").write_text("app\n")
    assert Tree(root).read("link") is None


def test_pipes_directories_and_giants_are_not_read(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with (root / "giant").open("wb") as file:
        file.truncate(LONGEST_FILE + 1)
    tree = Tree(root)
    assert [tree.read(name) for name in ("pipe", "app", "giant", "absent")] == [None] * 4
    assert tree.files()["pipe"].kind == "other"


def test_a_context_that_is_not_there_is_empty(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "absent")
    assert (dict(tree.files()), tree.ignored(), tree.ignore_file()) == ({}, frozenset(), None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_directory_is_empty(root: Path) -> None:
    (root / "app").chmod(0)
    try:
        assert "app/main.py" not in Tree(root).files()
    finally:
        (root / "app").chmod(0o755)


def test_names_that_are_no_utf8_are_kept(root: Path) -> None:
    (root / os.fsdecode(b"\xff.txt")).write_text("x")
    assert Tree(root).read(os.fsdecode(b"\xff.txt")) == b"x"
    assert os.fsdecode(b"\xff.txt") in Tree(root).files()
