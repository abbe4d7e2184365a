from __future__ import annotations

import os
import random
import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import EngineError, UsageError
from fastbuild.git.blob_digests import BlobDigests
from fastbuild.git.objects import Objects
from fastbuild.keys.content import content_digest
from fastbuild.pipeline.replay_trees import Context, History, Place
from tests.git.repositories import commit, git, random_change, repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.keys.content import Files

pytestmark = pytest.mark.live  # git is a program

ATTRIBUTES = "*.crlf text eol=crlf\nb.py text=auto eol=crlf\nsrc/** -text\n"
IGNORES = ("", "src\n", "*\n!lib\n!src/a\n", "**/*.py\n", "lib/**\n!lib/b.py\n")


def history(folder: Path, count: int = 100, known: Path | None = None) -> History:
    return History(Place.of(folder), "HEAD", count, BlobDigests(known))


def everything(files: Files, path: str = "") -> dict[str, tuple[object, str]]:
    """Each entry with its digest."""
    found: dict[str, tuple[object, str]] = {}
    for name in files.names(path or "/"):
        below = f"{path}/{name}"
        node = files.look(below)
        assert node is not None
        found[below] = node, files.digest(below)
        if node.kind == "directory":
            found |= everything(files, below)
    return found


def context(found: History, number: int) -> Context:
    made = found.context(number, "", None, cloned=False)
    assert isinstance(made, Context)
    return made


def check_out(source: Path, id: str, target: Path, inside: str = "") -> Path:
    """A fresh clone at a commit under umask 022."""
    shutil.rmtree(target, ignore_errors=True)
    git(source, "clone", "-q", "--no-checkout", str(source), str(target))
    git(target, "checkout", "-q", id, umask=0o022)
    return target / inside


def compare(root: Path, found: History, checkout: Path, inside: str, ignores: Sequence[str]) -> int:
    """Compare every commit with its checkout; returns the number of entries."""
    compared = 0
    for number, each in enumerate(found.commits):
        here = check_out(root, each.id, checkout, inside)
        if not here.is_dir():
            assert isinstance(found.context(number, "", None, cloned=False), str)
            continue
        if inside:
            real, ours = HashedTree(here, Ignore(()), None), context(found, number)
        else:
            text = ignores[number % len(ignores)] + "\n/.git\n"
            (here / ".dockerignore").write_text(text)
            (here / ".dockerignore").chmod(0o644)
            real = HashedTree(here, Ignore.read(text), None)
            made = found.context(number, ".dockerignore", text.encode(), cloned=False)
            assert isinstance(made, Context)
            ours = made
        expected = everything(real)
        assert everything(ours.files) == expected, each.id
        assert content_digest(ours.files, ()) == content_digest(real, ())
        compared += len(expected)
    return compared


@pytest.mark.parametrize("inside", ["", "src"])
@pytest.mark.parametrize("seed", range(2))
def test_a_commit_has_the_digests_of_its_checkout_under_umask_022(
    tmp_path: Path, seed: int, inside: str
) -> None:
    dice = random.Random(seed)
    root = repository(tmp_path / "app")
    for number in range(15):
        random_change(dice, root)
        if number == 5:
            (root / ".gitattributes").write_text(ATTRIBUTES)
        if number == 10:
            (root / ".gitattributes").unlink()
        commit(root)
    with closing(history(root / inside if (root / inside).is_dir() else root)) as found:
        compared = compare(root, found, tmp_path / "clone", found.place.context, IGNORES)
    assert compared > 20


def test_a_second_replay_reads_no_blob_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "app")
    (root / "a").write_text("one")
    (root / "b").write_text("two")
    commit(root)
    known = tmp_path / "digests"
    with closing(history(root, known=known)) as found:
        before = everything(context(found, 0).files)
    asked = []
    pieces = Objects.pieces
    monkeypatch.setattr(Objects, "pieces", lambda self, id: (asked.append(id), pieces(self, id))[1])
    with closing(history(root, known=known)) as found:
        assert everything(context(found, 0).files) == before
        blobs = {each.id for each in found.objects.tree(found.trees[0]).values()}
    assert not blobs & set(asked)


def test_spoiled_digests_are_computed_again(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    (root / "a").write_text("one")
    commit(root)
    known = tmp_path / "digests"
    with closing(history(root, known=known)) as found:
        before = everything(context(found, 0).files)
    data = bytearray(known.read_bytes())
    for place in range(0, len(data), 7):
        spoiled = bytearray(data)
        spoiled[place] ^= 0x40
        known.write_bytes(spoiled)
        with closing(history(root, known=known)) as found:
            assert everything(context(found, 0).files) == before


def test_a_submodule_is_an_empty_directory(tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner")
    (inner / "x").write_text("x")
    commit(inner)
    root = repository(tmp_path / "app")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "lib")
    commit(root)
    with closing(history(root)) as found:
        files = context(found, 0).files
    assert files.names("/lib") == []
    node = files.look("/lib")
    assert node is not None
    assert (node.kind, node.mode) == ("directory", 0o755)


def test_pointers_of_lfs_are_told(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    (root / "big.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    commit(root)
    for _ in range(2):
        with closing(history(root, known=tmp_path / "digests")) as found:
            everything(context(found, 0).files)
            assert found.blobs.pointers == {"big.bin"}


def test_a_filter_that_a_checkout_runs_is_told(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    (root / ".gitattributes").write_text("*.bin filter=big\n*.c ident\n")
    for name in ("a.bin", "b.c", "c.txt"):
        (root / name).write_text("x")
    commit(root)
    with closing(history(root)) as found:
        assert found.not_followed == {"b.c": "ident"}
    git(root, "config", "filter.big.smudge", "cat")
    with closing(history(root)) as found:
        assert found.not_followed == {"a.bin": "filter=big", "b.c": "ident"}


def test_changed_paths_are_those_of_git(tmp_path: Path) -> None:
    dice = random.Random(7)
    root = repository(tmp_path / "app")
    for _ in range(20):
        random_change(dice, root)
        commit(root)
    with closing(history(root)) as found:
        for one, other in zip(range(19), range(1, 20), strict=True):
            ids = found.trees[one], found.trees[other]
            said = git(root, "diff-tree", "-r", "-z", "--no-renames", "--name-only", *ids)
            assert sorted(found.objects.changed(*ids)) == sorted(filter(None, said.split("\0")))


def test_a_merge_counts_by_its_first_parent(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    commit(root, "one")
    git(root, "checkout", "-q", "-b", "topic")
    commit(root, "aside")
    git(root, "checkout", "-q", "main")
    git(root, "merge", "-q", "--no-ff", "-m", "merged", "topic")
    with closing(history(root)) as found:
        assert [each.subject for each in found.commits] == ["one", "merged"]


def test_an_object_that_is_not_here_is_an_error_that_says_so(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    commit(root)
    with closing(history(root)) as found, pytest.raises(UsageError, match="no object"):
        found.objects.blob("1" * 40)


def test_a_ref_that_is_not_there_is_refused(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    commit(root)
    for ref in ("nowhere", "--all", "HEAD~7", ""):
        with pytest.raises(UsageError):
            History(Place.of(root), ref, 3, BlobDigests(None))


def test_without_git_it_is_an_engine_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "app")
    commit(root)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError):
        history(root)


def test_names_that_are_not_utf_8_come_as_from_the_disk(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    Path(root, os.fsdecode(b"\xff\xfe")).write_text("x")
    commit(root)
    with closing(history(root)) as found:
        assert list(context(found, 0).files.names("/")) == [os.fsdecode(b"\xff\xfe")]


def test_directories_nest_deeper_than_calls(tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    path = "/".join(["d"] * 1500)
    blob = "blob\nmark :1\ndata 1\nx\n"
    head = "commit refs/heads/main\ncommitter a <a> 1 +0000\ndata 1\nx\n"
    stream = f"{blob}{head}M 100644 :1 {path}/f\n"
    (tmp_path / "stream").write_text(stream)
    with (tmp_path / "stream").open() as file:
        subprocess.run(["git", "-C", str(root), "fast-import", "--quiet"], stdin=file, check=True)
    with closing(history(root)) as found:
        assert content_digest(context(found, 0).files, ()).startswith("sha256:")
