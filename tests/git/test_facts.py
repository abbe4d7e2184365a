from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from fastbuild.errors import EngineError
from fastbuild.git import GitFacts, facts, is_dirty, merge_base, read

if TYPE_CHECKING:
    from pathlib import Path

A = "a" * 40
B = "b" * 40


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def repository(root: Path, *, head: str = "ref: refs/heads/main\n", url: str = "") -> Path:
    write(root / ".git/HEAD", head)
    write(
        root / ".git/config",
        f'[core]\n\tbare = false\n[remote "other"]\n\turl = x/y\n[remote "origin"]\n\turl = {url}\n',
    )
    return root


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "live" in request.keywords:
        return

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(facts, "run", refuse)


def test_no_repository(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    assert read(tmp_path / "absent") is None


def test_ordinary_clone(tmp_path: Path) -> None:
    root = repository(tmp_path / "app", url="https://user:secret@example.com/acme/app.git")
    write(root / ".git/refs/heads/main", A + "\n")
    write(root / ".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/trunk\n")
    inner = root / "src/deep"
    inner.mkdir(parents=True)
    found = read(inner)
    assert found == GitFacts(root=root, repository="acme/app", branch="main", default_branch="trunk", sha=A)
    assert "secret" not in repr(found)


def test_packed_refs_and_branch_with_slashes(tmp_path: Path) -> None:
    root = repository(tmp_path, head="ref: refs/heads/feature/x\n")
    packed = f"# pack-refs with: peeled fully-peeled sorted\n{A} refs/heads/feature/x\n"
    write(root / ".git/packed-refs", f"{packed}{B} refs/remotes/origin/master\n^{A}\n")
    found = read(root)
    assert found is not None
    assert (found.branch, found.sha, found.default_branch) == ("feature/x", A, "master")


def test_detached_and_shallow(tmp_path: Path) -> None:
    root = repository(tmp_path, head=A + "\n")
    write(root / ".git/shallow", A)
    assert read(root) == GitFacts(root=root, sha=A, shallow=True)


def test_fresh_repository_without_commits(tmp_path: Path) -> None:
    write(tmp_path / ".git/HEAD", "ref: refs/heads/main\n")
    assert read(tmp_path) == GitFacts(root=tmp_path, branch="main")


def test_worktree(tmp_path: Path) -> None:
    main = repository(tmp_path / "main", url="git@example.com:acme/app.git")
    write(main / ".git/refs/heads/topic", B)
    write(main / ".git/worktrees/topic/HEAD", "ref: refs/heads/topic\n")
    write(main / ".git/worktrees/topic/commondir", "../..\n")
    write(tmp_path / "topic/.git", f"gitdir: {main}/.git/worktrees/topic\n")
    found = read(tmp_path / "topic")
    assert found == GitFacts(root=tmp_path / "topic", repository="acme/app", branch="topic", sha=B)


def test_submodule_has_a_relative_link(tmp_path: Path) -> None:
    main = repository(tmp_path)
    write(main / ".git/modules/lib/HEAD", A)
    write(main / "lib/.git", "gitdir: ../.git/modules/lib\n")
    assert read(main / "lib") == GitFacts(root=main / "lib", sha=A)


@pytest.mark.parametrize("head", ["", "rubbish", "ref: ", "\x00", "ref: refs/heads/\n"])
def test_broken_head_is_unknown(tmp_path: Path, head: str) -> None:
    assert read(repository(tmp_path, head=head)) is not None


def test_broken_link_is_no_repository(tmp_path: Path) -> None:
    write(tmp_path / ".git", "gitdir: /nowhere/at/all\n")
    assert read(tmp_path) is None


def test_without_git_the_rest_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_args: object, **_kwargs: object) -> None:
        raise EngineError("git could not be started")

    monkeypatch.setattr(facts, "run", absent)
    root = repository(tmp_path)
    assert is_dirty(root) is None
    assert merge_base(root, "main") is None
    (root / ".git/reftable").mkdir()
    assert read(root) == GitFacts(root=root)


def run_git(cwd: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(("git", *identity, *arguments), cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    origin = tmp_path / "acme/app"
    origin.mkdir(parents=True)
    run_git(origin, "init", "-q", "-b", "trunk")
    write(origin / "file", "1")
    run_git(origin, "add", ".")
    run_git(origin, "commit", "-q", "-m", "one")
    run_git(tmp_path, "clone", "-q", str(origin), "clone")
    return tmp_path / "clone"


@pytest.mark.live
def test_real_clone_agrees_with_git(clone: Path) -> None:
    run_git(clone, "switch", "-q", "-c", "topic")
    base = run_git(clone, "rev-parse", "HEAD")
    run_git(clone, "commit", "-q", "--allow-empty", "-m", "two")
    head = run_git(clone, "rev-parse", "HEAD")
    expected = GitFacts(root=clone, repository="acme/app", branch="topic", default_branch="trunk", sha=head)
    assert read(clone) == expected
    run_git(clone, "pack-refs", "--all")
    assert read(clone) == expected
    assert merge_base(clone, "trunk") == base
    assert merge_base(clone, "absent") is None
    assert is_dirty(clone) is False
    write(clone / "file", "2")
    assert is_dirty(clone) is True


@pytest.mark.live
def test_real_worktree_shallow_and_detached(clone: Path, tmp_path: Path) -> None:
    head = run_git(clone, "rev-parse", "HEAD")
    run_git(clone, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = read(tmp_path / "side")
    assert side is not None
    assert (side.branch, side.sha, side.repository) == ("side", head, "acme/app")
    run_git(tmp_path, "clone", "-q", "--depth", "1", f"file://{clone}", "shallow")
    run_git(tmp_path / "shallow", "checkout", "-q", "--detach")
    shallow = read(tmp_path / "shallow")
    assert shallow is not None
    assert (shallow.shallow, shallow.branch, shallow.sha) == (True, None, head)


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_repository_of_somebody_else(clone: Path) -> None:
    for path in (clone, clone / ".git"):
        os.chown(path, 12345, 12345)
    found = read(clone)
    assert found is not None
    assert found.branch == "trunk"
    assert is_dirty(clone) is None
