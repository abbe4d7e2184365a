from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild import git
from fastbuild.context import copies
from fastbuild.pipeline.normal_context import normalised, sent_modes
from tests.context.test_git_index import index_bytes

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"app/run": 0o100755, "app/src/a": 0o100644, "app/src/b": 0o100644}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout under umask 002."""
    root = tmp_path / "repo"
    for path, mode in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
        (root / path).chmod(0o775 if mode & 0o100 else 0o664)
    for folder in (root / "app" / "src", root / "app"):
        folder.chmod(0o775)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".git" / "index").write_bytes(index_bytes(list(FILES.items())))
    return root


def sent(root: Path, home: Path) -> tuple[dict[str, str] | None, str]:
    """The modes of the copy, if there is one, and the note."""
    copy, note = normalised(root / "app", copies.scan(root / "app"), home)
    if copy is None:
        return None, note
    copy.release()
    return {p.name: f"{p.stat().st_mode & 0o7777:o}" for p in copy.folder.rglob("*")}, note


def test_a_checkout_under_umask_002_is_sent_from_a_copy(root: Path, tmp_path: Path) -> None:
    assert sent(root, tmp_path / "home") == (
        {"run": "755", "src": "755", "a": "644", "b": "644"},
        "context: 3 files and 1 directory have modes of umask 002; "
        "sent as git would check them out (--keep-modes keeps them)",
    )
    assert sent_modes(root / "app", copies.scan(root / "app")) == {
        "run": 0o755,
        "src": 0o755,
        "src/a": 0o644,
        "src/b": 0o644,
    }


def test_an_ordinary_checkout_is_sent_itself_without_a_word(root: Path, tmp_path: Path) -> None:
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o022)
    assert sent(root, tmp_path / "home") == (None, "")
    assert not (tmp_path / "home").exists()


def test_outside_git_everything_is_sent_as_it_is(root: Path, tmp_path: Path) -> None:
    (root / ".git").rename(tmp_path / "elsewhere")
    assert sent(root, tmp_path / "home") == (None, "")


def test_a_home_that_can_t_be_written_is_a_note_with_what_mends_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    modes, note = sent(root, tmp_path / "home")
    assert modes is None
    assert note.startswith(
        "context: 3 files and 1 directory have modes of umask 002, so other checkouts may miss the cache; "
        f"run `umask 022` before the checkout (Not a directory: {tmp_path}/home/"
    )


def test_an_index_that_neither_we_nor_git_can_read_is_a_note(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "index_listing", lambda _: None)
    (root / ".git" / "index").write_bytes(b"DIRC\0\0\0\7\0\0\0\0")
    copy, note = sent(root, tmp_path / "home")
    assert copy is None
    assert note == (
        "context: sent with the modes on disk, for git's index can't be read (it is of an unknown kind)"
    )
    assert sent_modes(root / "app", copies.scan(root / "app")) == {}


def test_one_file_is_one_file(root: Path, tmp_path: Path) -> None:
    (root / "app" / "run").chmod(0o755)
    (root / "app" / "src").chmod(0o755)
    (root / "app" / "src" / "b").unlink()
    (root / ".git" / "index").write_bytes(index_bytes([("app/src/a", 0o100644)]))
    assert sent(root, tmp_path / "home")[1].startswith("context: 1 file has the mode of umask 002;")
