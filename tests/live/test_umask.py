"""Checkouts under different umasks share every key, and nothing else about a context changes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.context import copies
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.pipeline.normal_context import sent_modes
from tests.live.builds import Built, build, fastbuild
from tests.live.started import in_background, wait_until
from tests.live.test_caches import cache_url

if TYPE_CHECKING:
    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

COPY_ALL = "FROM scratch\nCOPY . /\n"
APP = """\
FROM busybox:latest
COPY src /src
COPY run.sh link /
RUN /run.sh > /said
COPY . /all
RUN ls -lR /all > /listed
"""
PRIVATE = {"FASTBUILD_ENGINE": "private"}
NOTE = "sent as git would check them out (--keep-modes keeps them)"


def git(folder: Path, *words: str, umask: int = 0o022) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(("git", *names, *words), cwd=folder, check=True, capture_output=True, umask=umask)


def origin(folder: Path, dockerfile: str = APP) -> Path:
    """A repository with files, an executable, links, and an ignore file."""
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / ".dockerignore").write_text(".git\nignored\n")
    (folder / "src" / "a.txt").write_text("one\n")
    (folder / "src" / "deep" / "b.txt").write_text("two\n")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("src/a.txt")
    (folder / "dangling").symlink_to("nowhere")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def checkout(repository: Path, folder: Path, umask: int) -> Path:
    git(repository, "clone", "-q", str(repository), str(folder), umask=umask)
    return folder


def modes(folder: Path) -> dict[str, str]:
    """Every path below a directory with its mode, `.git` apart."""
    return {
        path.relative_to(folder).as_posix(): f"{stat.S_IMODE(path.lstat().st_mode):04o}"
        for path in folder.rglob("*")
        if ".git" not in path.parts
    }


def everything(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that can be seen of a tree, `.git` and access times apart."""
    seen = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        info = path.lstat()
        content: object = None
        if stat.S_ISLNK(info.st_mode):
            content = path.readlink()
        elif stat.S_ISREG(info.st_mode):
            content = path.read_bytes()
        times = (info.st_mtime_ns, info.st_ctime_ns)
        seen[str(path)] = (info.st_mode, info.st_ino, info.st_nlink, info.st_uid, *times, content)
    return seen


def exported(runner: Runner, context: Path, out: Path, *args: str, **env: str) -> Built:
    shutil.rmtree(out, ignore_errors=True)
    done = build(runner, context, "-o", str(out), *args, **{**PRIVATE, **env})
    assert done.code == 0, done.err
    return done


def ran(done: Built) -> set[str]:
    """The steps that no cache had."""
    return {step for step, status in done.steps().items() if status == "ran"}


STEPS = frozenset(line for line in APP.splitlines() if not line.startswith("FROM"))


def missed(done: Built) -> set[str]:
    return ran(done) & STEPS


@pytest.mark.parametrize("umask", [0o002, 0o000, 0o077])
def test_two_checkouts_share_every_key_on_one_engine(
    runner: Runner, engine: dict[str, str], tmp_path: Path, umask: int
) -> None:
    repository = origin(tmp_path / "origin")
    ordinary = checkout(repository, tmp_path / "one", 0o022)
    other = checkout(repository, tmp_path / "two", umask)
    assert modes(ordinary) != modes(other)
    before = everything(other)
    first = build(runner, ordinary, **engine)
    assert first.code == 0, first.err
    assert missed(first) == STEPS
    assert not any("umask" in note for note in first.notes())
    second = build(runner, other, **engine)
    assert second.code == 0, second.err
    assert missed(second) == set()
    assert everything(other) == before
    assert [note for note in second.notes() if NOTE in note] == [
        f"context: 5 files and 2 directories have modes of umask {umask:03o}; {NOTE}"
    ]


def test_keep_modes_sends_what_is_on_disk(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    repository = origin(tmp_path / "origin")
    build(runner, checkout(repository, tmp_path / "one", 0o022), **engine)
    other = checkout(repository, tmp_path / "two", 0o002)
    for args, env in ((("--keep-modes",), {}), ((), {"FASTBUILD_KEEP_MODES": "1"})):
        done = build(runner, other, *args, **engine, **env)
        assert done.code == 0, done.err
        assert not any("umask" in note for note in done.notes())
        # the second time its own keys are there
        assert missed(done) == (STEPS if args else set())


@pytest.mark.parametrize("kind", ["s3", "registry"])
def test_a_fresh_runner_hits_the_cache_of_another_umask(lab: Lab, tmp_path: Path, kind: str) -> None:
    repository = origin(tmp_path / "origin")
    cache = cache_url(kind, lab, tmp_path)
    for number, umask in enumerate((0o022, 0o002)):
        context = checkout(repository, tmp_path / str(umask) / "app", umask)
        with lab.runner() as fresh:
            done = build(fresh, context, "--cache", cache, "--engine", "private")
        assert done.code == 0, done.err
        assert missed(done) == (set() if number else STEPS), done.steps()


def test_only_what_a_checkout_made_is_changed(runner: Runner, tmp_path: Path) -> None:
    context = checkout(origin(tmp_path / "origin", COPY_ALL), tmp_path / "app", 0o002)
    (context / "key").write_text("secret")
    (context / "key").chmod(0o600)
    (context / "generated").mkdir(mode=0o770)
    (context / "generated" / "x").write_text("x")
    (context / "generated" / "x").chmod(0o664)
    (context / "src" / "a.txt").chmod(0o600)
    (context / "src" / "setuid").write_text("s")
    (context / "src" / "setuid").chmod(0o4775)
    (context / "src" / "deep").chmod(0o2775)
    (context / "generated").chmod(0o1777)
    exported(runner, context, tmp_path / "out")
    assert modes(tmp_path / "out") == {
        **modes(context),
        "src": "0755",
        "src/deep/b.txt": "0644",
        "run.sh": "0755",
        "Dockerfile": "0644",
        ".dockerignore": "0644",
    }


def test_links_times_and_attributes_arrive_as_they_are(runner: Runner, tmp_path: Path) -> None:
    text = (
        "FROM busybox:latest AS look\nCOPY . /c\n"
        "RUN cd /c; stat -c '%n %Y' src src/a.txt > /o; readlink link >> /o; readlink dangling >> /o\n"
        "RUN cd /c; stat -c %i one two >> /o\n"
        "FROM scratch\nCOPY --from=look /o /o\n"
    )
    context = checkout(origin(tmp_path / "origin", text), tmp_path / "app", 0o002)
    (context / "one").write_text("hard\n")
    os.link(context / "one", context / "two")
    for name, when in (("src/a.txt", 1_600_000_000), ("src", 1_600_000_100)):
        os.utime(context / name, (when, when))
    exported(runner, context, tmp_path / "out")
    *said, one, two = (tmp_path / "out" / "o").read_text().splitlines()
    assert said == ["src 1600000100", "src/a.txt 1600000000", "src/a.txt", "nowhere"]
    assert one == two


def same_size_same_mtime(context: Path) -> None:
    file = context / "src" / "a.txt"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_text("ONE\n")
    os.utime(file, ns=times)


CHANGES = {
    "an edit": lambda context: (context / "src" / "a.txt").write_text("longer\n"),
    "an edit that keeps size and mtime": same_size_same_mtime,
    "a deletion": lambda context: (context / "src" / "deep" / "b.txt").unlink(),
    "a directory's deletion": lambda context: shutil.rmtree(context / "src" / "deep"),
    "a new file": lambda context: (context / "src" / "new").write_text("n"),
    "a chmod that git sees": lambda context: (context / "src" / "a.txt").chmod(0o775),
    "a chmod that git doesn't see": lambda context: (context / "src" / "a.txt").chmod(0o600),
    "a directory's mode": lambda context: (context / "src" / "deep").chmod(0o700),
    "a file in place of a directory": lambda context: (
        shutil.rmtree(context / "src" / "deep"),
        (context / "src" / "deep").write_text("file"),
    ),
    "a directory in place of a link": lambda context: (
        (context / "link").unlink(),
        (context / "link").mkdir(),
    ),
    "another target": lambda context: ((context / "link").unlink(), (context / "link").symlink_to("run.sh")),
    "a rule that ignores": lambda context: (context / ".dockerignore").write_text(".git\nsrc\n"),
}


CHOSEN = {
    "a chmod that git sees": {"src/a.txt": "0775"},
    "a chmod that git doesn't see": {"src/a.txt": "0600"},
    "a directory's mode": {"src/deep": "0700"},
}
"""Modes that somebody chose, so that they must arrive."""


def test_every_kind_of_change_in_a_normalised_context_is_seen(runner: Runner, tmp_path: Path) -> None:
    repository = origin(tmp_path / "origin", COPY_ALL)
    for number, (name, change) in enumerate(CHANGES.items()):
        context = checkout(repository, tmp_path / f"app{number}", 0o002)
        exported(runner, context, tmp_path / "before")
        change(context)
        done = exported(runner, context, tmp_path / "out")
        assert any(NOTE in note for note in done.notes()), name
        # a runner's first build of the same files, sent as they are by an engine that knows nothing of them
        plain = shutil.copytree(context, tmp_path / f"plain{number}", symlinks=True)
        shutil.rmtree(plain / ".git")
        exported(runner, plain, tmp_path / "expected", "--no-cache")
        got, expected = contents(tmp_path / "out"), contents(tmp_path / "expected")
        assert got == expected, name
        given = modes(context)
        for path, mode in modes(tmp_path / "out").items():
            assert mode == CHOSEN.get(name, {}).get(path, mode), name
            assert mode in (given[path], {"0664": "0644", "0775": "0755"}.get(given[path])), (name, path)


def contents(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def test_named_contexts_are_normalised_too(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    text = "FROM scratch\nCOPY --from=other src /src\nCOPY --from=other run.sh /\n"
    repository = origin(tmp_path / "origin")
    main = tmp_path / "main"
    main.mkdir()
    (main / "Dockerfile").write_text(text)
    for umask in (0o022, 0o002):
        other = checkout(repository, tmp_path / str(umask), umask)
        done = build(runner, main, "--build-context", f"other={other}", **engine)
        assert done.code == 0, done.err
    assert {s for s in ran(done) if s.startswith("COPY")} == set()


def test_a_context_below_the_root_of_its_repository(
    runner: Runner, engine: dict[str, str], tmp_path: Path
) -> None:
    repository = tmp_path / "mono"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    origin(repository / "services" / "app")
    shutil.rmtree(repository / "services" / "app" / ".git")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    for umask in (0o022, 0o002):
        context = checkout(repository, tmp_path / str(umask), umask) / "services" / "app"
        done = build(runner, context, **engine)
        assert done.code == 0, done.err
    assert missed(done) == set()


def test_concurrent_builds_of_one_context(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    context = checkout(origin(tmp_path / "origin", COPY_ALL), tmp_path / "app", 0o002)
    codes: dict[int, int] = {}

    def one(number: int) -> None:
        out = tmp_path / f"out{number}"
        codes[number] = fastbuild(runner, "build", "-o", str(out), str(context), **engine).returncode

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == dict.fromkeys(range(4), 0)
    for number in range(4):
        assert contents(tmp_path / f"out{number}") == contents(tmp_path / "out0")
        assert modes(tmp_path / f"out{number}")["src/a.txt"] == "0644"


def test_an_interrupted_copy_is_not_believed(runner: Runner, tmp_path: Path) -> None:
    repository = origin(tmp_path / "origin", COPY_ALL)
    for number in range(3000):
        (repository / "src" / f"f{number}").write_text(f"{number}\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "many")
    context = checkout(repository, tmp_path / "app", 0o002)
    home = Path(runner.env["XDG_CACHE_HOME"], "fastbuild", "contexts")
    with in_background(runner, str(context), **PRIVATE) as started:
        assert wait_until(lambda: len(list(home.glob("*/0/src/f*"))) > 100, 60), started.text
        os.kill(started.pid, 9)
    assert len(list(home.glob("*/0/src/f*"))) < 3000
    assert not list(home.glob("*/0.json"))
    exported(runner, context, tmp_path / "out")
    assert contents(tmp_path / "out") == {k: v for k, v in contents(context).items() if ".git" not in k[:5]}


@pytest.mark.parametrize("trouble", ["no room", "too large", "a file in the way", "foreign"])
def test_what_prevents_the_copy_is_a_note_and_the_build_goes_on(
    runner: Runner, tmp_path: Path, trouble: str
) -> None:
    context = checkout(origin(tmp_path / "origin", COPY_ALL), tmp_path / "app", 0o002)
    home = Path(runner.env["XDG_CACHE_HOME"], "fastbuild", "contexts")
    home.parent.mkdir(mode=0o700, exist_ok=True)
    mounted = False
    if trouble == "no room":
        home.mkdir(mode=0o700)
        subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(home)), check=True)
        mounted = True
    elif trouble == "too large":
        with (context / "big").open("wb") as file:
            file.truncate(1024**3 + 1)
        (context / ".dockerignore").write_text(".git\n")
        (context / "Dockerfile").write_text("FROM scratch\nCOPY src /src\n")
    elif trouble == "a file in the way":
        home.write_text("not ours")
    else:
        os.mkfifo(context / "pipe")
        (context / "Dockerfile").write_text("FROM scratch\nCOPY src /src\n")
    try:
        done = exported(runner, context, tmp_path / "out")
    finally:
        if mounted:
            subprocess.run(("umount", str(home)), check=True)
    notes = [note for note in done.notes() if "umask" in note]
    assert len(notes) == 1
    assert "run `umask 022` before the checkout" in notes[0]
    assert "0664" in modes(tmp_path / "out").values()


def test_a_prediction_is_of_the_modes_that_are_sent(runner: Runner, tmp_path: Path) -> None:
    repository = origin(tmp_path / "origin")
    exported(runner, checkout(repository, tmp_path / "one", 0o022), tmp_path / "out1")
    copies = Path(runner.env["XDG_CACHE_HOME"], "fastbuild", "contexts")
    copies.parent.mkdir(mode=0o700, exist_ok=True)
    copies.write_text("not a directory")
    done = exported(runner, checkout(repository, tmp_path / "two", 0o002), tmp_path / "out2")
    assert done.record is not None
    assert done.record["score"]["wrong"] == []
    assert missed(done) == STEPS


@pytest.mark.parametrize("how", ["2", "3", "4", "split", "sparse"])
def test_every_kind_of_index_that_git_writes(tmp_path: Path, how: str) -> None:
    context = checkout(origin(tmp_path / "origin"), tmp_path / "app", 0o002)
    if how == "split":
        git(context, "update-index", "--split-index")
    elif how == "sparse":
        git(context, "sparse-checkout", "set", "--cone", "--sparse-index", "src/deep")
    else:
        (context / "intended").write_text("x")
        git(context, "add", "-N", *(["intended"] if how == "3" else []))  # an entry that needs version 3
        git(context, "update-index", "--index-version", how)
    found = sent_modes(context, copies.scan(context, Ignore([".git"])))
    left = {path for path, mode in modes(context).items() if mode in ("0664", "0775")}
    assert found.keys() == left
    assert {"src/deep/b.txt", "src/deep"} <= left


def test_buildx_still_knows_the_commit(runner: Runner, new_daemon: Buildkitd, tmp_path: Path) -> None:
    from tests.live.builders import environment

    context = checkout(origin(tmp_path / "origin", COPY_ALL), tmp_path / "app", 0o002)
    head = subprocess.run(
        ("git", "rev-parse", "HEAD"), cwd=context, check=True, capture_output=True, text=True
    )
    file = tmp_path / "metadata.json"
    env = environment("buildx", new_daemon, runner)
    done = build(
        runner, context, "--metadata-file", str(file), "--provenance", "mode=max", "-o", "type=image", **env
    )
    assert done.code == 0, done.err
    assert any(NOTE in note for note in done.notes())
    assert head.stdout.strip() in file.read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_an_ordinary_user_s_copy_has_closed_directories_and_another_s_files(tmp_path: Path) -> None:
    """The copy alone: who is not root can't enter all that must be copied and removed again."""
    context = checkout(origin(tmp_path / "origin"), tmp_path / "app", 0o002)
    closed = context / "src" / "closed"
    closed.mkdir()
    (closed / "x").write_text("x")
    code = (
        "import os, sys, xxhash, json, shutil, fcntl, heapq; from pathlib import Path\n"
        "folder, home = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "from fastbuild.context import copies; from fastbuild.pipeline.normal_context import normalised\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for text in ('x', 'xx', None):\n"
        "    closed = folder / 'src' / 'closed'; closed.chmod(0o755)\n"
        "    (closed / 'x').write_text(text) if text else (closed / 'x').unlink()\n"
        "    closed.chmod(0o555)\n"
        "    copy, note = normalised(folder, copies.scan(folder), home)\n"
        "    assert copy is not None, note\n"
        "    made = copy.folder / 'src' / 'closed'\n"
        "    assert made.stat().st_mode & 0o7777 == 0o555\n"
        "    assert [p.read_text() for p in made.iterdir()] == ([text] if text else [])\n"
        "    assert (copy.folder / 'run.sh').stat().st_mode & 0o7777 == 0o755\n"
        "    copy.release()\n"
    )
    for path in (context, *context.rglob("*")):
        if path.name != "run.sh":  # belongs to another user, as does much in a container's checkout
            os.chown(path, 65534, 65534, follow_symlinks=False)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    for parent in (tmp_path, *tmp_path.parents):
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    # it becomes the other user itself, for that one may not be allowed to start this python
    subprocess.run((sys.executable, "-c", code, str(context), str(home)), check=True)
