from __future__ import annotations

import json
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING

import pytest

from fastbuild.context import copied_tree, copies, normal_copy
from fastbuild.context.copied_tree import NotCopiedError
from fastbuild.context.normal_copy import KEPT_SECONDS, Source
from fastbuild.dockerfile.ignore import Ignore

if TYPE_CHECKING:
    from pathlib import Path

MODES = {"f": 0o644, "d": 0o755}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    (root / "d").mkdir(parents=True)
    (root / "f").write_text("AAA")
    (root / "f").chmod(0o664)
    (root / "d").chmod(0o775)
    (root / "d" / "key").write_text("k")
    (root / "d" / "key").chmod(0o600)
    (root / "link").symlink_to("nowhere")
    return root


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def copied(project: Path, home: Path, *ignored: str, **more: object) -> Path:
    """Bring the copy of a project up to date; returns where it is."""
    index = copies.scan(project, Ignore(ignored))
    modes = {path: mode for path, mode in MODES.items() if path in index}
    made = normal_copy.normal_copy(
        home,
        Source(folder=project, index=index, modes=modes, **more),  # type: ignore[arg-type]
    )
    made.release()
    ours = () if ".git" in index else (".git",)
    assert made.index == copies.scan(made.folder, Ignore(ours))
    return made.folder


def seen(folder: Path) -> dict[str, tuple[str, object]]:
    found: dict[str, tuple[str, object]] = {}
    for path in folder.rglob("*"):
        info = path.lstat()
        content: object = None
        if stat.S_ISREG(info.st_mode):
            content = (path.read_bytes(), info.st_mtime_ns)
        elif path.is_symlink():
            content = str(path.readlink())
        found[path.relative_to(folder).as_posix()] = (f"{stat.S_IMODE(info.st_mode):o}", content)
    return found


def test_the_copy_differs_in_the_named_modes_alone(project: Path, home: Path) -> None:
    expected = seen(project)
    folder = copied(project, home)
    expected |= {path: (f"{mode:o}", expected[path][1]) for path, mode in MODES.items()}
    assert seen(folder) == expected
    assert (folder / "d").stat().st_mtime_ns == (project / "d").stat().st_mtime_ns


def test_what_did_not_change_is_not_copied_again(project: Path, home: Path) -> None:
    folder = copied(project, home)
    before = {path: path.lstat().st_ctime_ns for path in folder.rglob("*")}
    (project / "d" / "key").write_text("longer")
    (project / "new").write_text("n")
    assert copied(project, home) == folder
    after = {path: path.lstat().st_ctime_ns for path in folder.rglob("*")}
    assert {path.name for path in after if before.get(path) != after[path]} - {"d"} == {"key", "new"}


def test_ignored_files_are_not_copied_and_leave_when_they_become_so(project: Path, home: Path) -> None:
    folder = copied(project, home)
    assert copied(project, home, "d") == folder
    assert seen(folder).keys() == {"f", "link"}


def test_the_ignore_file_is_copied_even_if_it_ignores_itself(project: Path, home: Path) -> None:
    (project / ".dockerignore").write_text("*\n")
    assert seen(copied(project, home, "*")).keys() == {".dockerignore"}


def test_an_edit_in_the_moment_of_copying_is_seen_though_nothing_shows_it(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied_tree, "RECENT_SECONDS", 3600.0)
    folder = copied(project, home)
    # as when the file is written to between two ticks of the file system's clock
    index = json.loads((folder.parent / "0.json").read_text())
    (project / "f").write_text("BBB")
    info = (project / "f").stat()
    index["made"]["f"][0] = [[3, info.st_mtime_ns, info.st_mode, ""], [info.st_ctime_ns, info.st_ino]]
    (folder.parent / "0.json").write_text(json.dumps(index))
    assert (copied(project, home) / "f").read_text() == "BBB"


def test_a_file_that_rested_is_compared_only_once(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(project, home)
    monkeypatch.setattr(copied_tree, "RECENT_SECONDS", 0.0)
    copied(project, home)
    known = json.loads((folder.parent / "0.json").read_text())["made"]
    assert not any(recent for *_, recent in known.values())
    monkeypatch.setattr(copied_tree, "same_bytes", lambda *_: pytest.fail("compared again"))
    copied(project, home)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"folder": 1}', '{"folder": "F", "made": {"f": 3}}'])
def test_a_copy_without_a_believable_list_is_made_anew(project: Path, home: Path, text: str | None) -> None:
    folder = copied(project, home)
    expected = seen(folder)
    (folder / "f").write_text("half")
    (folder / "left over").mkdir()
    file = folder.parent / "0.json"
    file.unlink() if text is None else file.write_text(text.replace("F", str(folder)))
    assert seen(copied(project, home)) == expected


def test_damage_to_the_copy_itself_is_repaired(project: Path, home: Path) -> None:
    folder = copied(project, home)
    expected = seen(folder)
    (folder / "f").write_text("BBB")
    (folder / "d").chmod(0o700)
    (folder / "link").unlink()
    (folder / "more").write_text("x")
    assert seen(copied(project, home)) == expected


def test_a_failure_half_way_leaves_no_list(
    project: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(project, home)

    def fail(*_: object) -> float:
        raise KeyboardInterrupt

    (project / "f").write_text("changed")
    with monkeypatch.context() as patch:
        patch.setattr(copied_tree, "copy_file", fail)
        with pytest.raises(KeyboardInterrupt):
            copied(project, home)
    assert not (folder.parent / "0.json").exists()
    assert (copied(project, home) / "f").read_text() == "changed"


def test_a_directory_that_becomes_a_file_and_back(project: Path, home: Path) -> None:
    copied(project, home)
    shutil.rmtree(project / "d")
    (project / "d").write_text("file")
    assert (copied(project, home) / "d").read_text() == "file"
    (project / "d").unlink()
    (project / "d" / "e").mkdir(parents=True)
    assert (copied(project, home) / "d" / "e").is_dir()


def test_hard_links_stay_links(project: Path, home: Path) -> None:
    os.link(project / "d" / "key", project / "second")
    folder = copied(project, home)
    assert (folder / "second").stat().st_ino == (folder / "d" / "key").stat().st_ino


def test_attributes_are_kept(project: Path, home: Path) -> None:
    try:
        for name in ("f", "d"):
            os.setxattr(project / name, "user.origin", b"here")
    except OSError:
        pytest.skip("no extended attributes here")
    folder = copied(project, home)
    assert [os.getxattr(folder / name, "user.origin") for name in ("f", "d")] == [b"here", b"here"]
    os.removexattr(project / "d", "user.origin")
    assert os.listxattr(copied(project, home) / "d") == []


def test_large_files_are_copied_whole(project: Path, home: Path) -> None:
    data = os.urandom(3 * 1024 * 1024 + 17)
    (project / "big").write_bytes(data)
    assert (copied(project, home) / "big").read_bytes() == data


def test_two_builds_at_a_time_have_a_copy_each(project: Path, home: Path) -> None:
    source = Source(folder=project, index=copies.scan(project), modes=MODES)
    first, second = (normal_copy.normal_copy(home, source) for _ in range(2))
    assert first.folder != second.folder
    first.release()
    third = normal_copy.normal_copy(home, source)
    assert third.folder == first.folder
    for each in (second, third):
        each.release()


def test_an_unused_copy_is_removed_after_a_week_but_not_while_it_is_held(
    project: Path, home: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(project, tmp_path / "other", symlinks=True)
    index = copies.scan(project)
    held = normal_copy.normal_copy(home, Source(folder=project, index=index, modes=MODES))
    old = time.time() - KEPT_SECONDS - 10
    os.utime(held.folder.with_name("0.lock"), (old, old))
    copied(other, home)
    assert held.folder.exists()
    held.release()
    copied(other, home)
    assert not held.folder.exists()
    assert not held.folder.with_name("0.json").exists()
    assert seen(copied(project, home))["f"][0] == "644"


def test_a_closed_directory_can_be_worked_in_and_removed(project: Path, home: Path) -> None:
    (project / "d" / "key").unlink()
    (project / "d" / "e").mkdir()
    (project / "d" / "e").chmod(0o555)
    folder = copied(project, home)
    assert seen(folder)["d/e"][0] == "555"
    copied_tree.remove_tree(folder)
    assert not folder.exists()


def test_a_socket_is_left_out_as_buildkit_does(project: Path, home: Path) -> None:
    os.mknod(project / "s", stat.S_IFSOCK | 0o600)
    assert "s" not in seen(copied(project, home))


def refusal(project: Path, home: Path) -> str:
    with pytest.raises(NotCopiedError) as raised:
        copied(project, home)
    assert not list(home.glob("*/*.json"))
    return str(raised.value)


def test_too_large_a_context_is_refused(project: Path, home: Path) -> None:
    with (project / "big").open("wb") as file:
        file.truncate(normal_copy.LARGEST + 1)
    assert "1,024 MiB" in refusal(project, home)


def test_a_full_disk_is_refused(project: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied_tree, "SPARE", shutil.disk_usage(project).total + 1)
    assert "no room" in refusal(project, home)


def test_a_pipe_is_refused(project: Path, home: Path) -> None:
    os.mkfifo(project / "pipe")
    assert "pipe" in refusal(project, home)


def test_our_own_directory_in_the_context_is_refused_unless_ignored(project: Path) -> None:
    home = project / "cache" / "contexts"
    home.mkdir(parents=True)
    assert "in the context" in refusal(project, home)
    assert "cache" not in seen(copied(project, home, "cache"))


def test_the_copy_leads_to_the_repository(project: Path, home: Path, tmp_path: Path) -> None:
    git_dir = project / ".git"
    git_dir.mkdir()
    folder = copied(project, home, ".git", git_dir=git_dir)
    assert (folder / ".git").read_text() == f"gitdir: {git_dir}\n"
    below = copied(project, home, ".git", git_dir=tmp_path / "g", inside="a/b")
    assert below.parts[-2:] == ("a", "b")
    assert not (below / ".git").exists()
    assert (below.parent.parent / ".git").read_text() == f"gitdir: {tmp_path / 'g'}\n"
    assert (copied(project, home, git_dir=git_dir) / ".git").is_dir()
