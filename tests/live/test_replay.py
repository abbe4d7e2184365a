"""Replayed histories against real builds of the same commits, and histories that can't be replayed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.git.repositories import commit, git, repository
from tests.lab.languages import add_languages, families_of
from tests.live.builds import command, fastbuild
from tests.samples import SAMPLES, lay_out

if TYPE_CHECKING:
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

LAYERED = """\
FROM busybox:latest
COPY conf /conf
RUN sleep 2 && cat /conf/* > /all
COPY lib /lib
RUN sleep 1 && cat /lib/* >> /all
COPY . /app
RUN sleep 0.3 && date > /built
"""
STAGES = """\
FROM busybox:latest AS made
COPY lib /lib
RUN sleep 1 && cat /lib/* > /out
FROM busybox:latest
WORKDIR /w
COPY --link conf /conf
COPY --from=made /out /out
RUN --mount=type=bind,source=src,target=/src sleep 0.3 && cat /src/* /out > /all
"""
CHANGES = ("src/a", "docs/x", "lib/b", "src/b", "conf/one", "docs/y", "lib/a", "src/a", "conf/two", "src/c")


def application(folder: Path, dockerfile: str) -> Path:
    """A repository with a commit for each of CHANGES after the first."""
    root = repository(folder)
    (root / "Dockerfile").write_text(dockerfile)
    (root / ".dockerignore").write_text("docs\n.git\n")
    for name in sorted(set(CHANGES) | {"src/run.sh"}):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(f"{name}\n")
    commit(root, "start")
    for number, name in enumerate(CHANGES):
        (root / name).write_text(f"{name} {number}\n")
        commit(root, f"change {name}")
    return root


def replayed(runner: Runner, context: Path, *args: str) -> dict[str, Any]:
    done = fastbuild(runner, "replay", "--engine=private", "--format=json", *args, str(context))
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ran(column: dict[str, Any]) -> list[list[str]]:
    return [[rerun["instruction"].split(" ")[0] for rerun in each["reruns"]] for each in column["commits"]]


def test_what_is_foreseen_for_each_commit_is_what_its_build_does(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    real = replayed(warm, root, f"--commits={len(CHANGES)}", "--real=11")["real"]
    assert [each["differences"] for each in real["builds"]] == [[]] * 11
    assert sum(each["steps"] for each in real["builds"]) == 11 * 6
    assert real["agreement"] == 1.0
    assert real["spearman"] >= 0.9


def test_a_build_of_stages_is_foreseen_but_for_what_only_building_tells(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", STAGES)
    git(root, "rm", "-q", "docs/x")
    commit(root, "nothing that is sent")
    found = replayed(warm, root, "--commits=11", "--real=12")
    assert [each["differences"] for each in found["real"]["builds"]] == [[]] * 12
    assert found["real"]["agreement"] == 1.0
    assert sum(each["undecided"] for each in found["real"]["builds"]) > 0
    assert found["columns"][0]["maybe_seconds"] > 0


def test_an_application_that_installs_packages_runs_what_was_foreseen(lab: Lab, tmp_path: Path) -> None:
    (sample,) = (each for each in SAMPLES if each.name == "express-links")
    add_languages(
        lab.registry_server, lab.tools, families_of((sample.folder / "Dockerfile.good").read_text())
    )
    root = lay_out(sample, "good", tmp_path / "app", commits=10)  # the ninth changes what is installed
    with lab.runner() as runner:
        real = replayed(runner, root, "--commits=9", "--real=10")["real"]
    assert [each["differences"] for each in real["builds"]] == [[]] * 10
    assert [each["undecided"] for each in real["builds"]] == [0] * 10
    dear = [each["predicted"] for each in real["builds"]]
    assert real["builds"][8]["measured"] > 0.5
    assert dear[8] == max(dear[1:]) > 10 * sorted(dear)[4]


def test_a_commit_that_fails_ends_the_series_and_what_was_built_is_compared(
    warm: Runner, tmp_path: Path
) -> None:
    root = repository(tmp_path / "app")
    (root / "Dockerfile").write_text("FROM busybox:latest\nCOPY . /app\nRUN sh /app/run\n")
    (root / ".dockerignore").write_text(".git\n")
    for number, text in enumerate(("true", "true # again", "exit 7", "true # at last")):
        (root / "run").write_text(text)
        commit(root, f"commit {number}")
    real = replayed(warm, root, "--real=4")["real"]
    assert [each["differences"] for each in real["builds"]] == [[], []]
    assert "7" in real["notes"][0]
    assert "can't be built" in real["notes"][0]
    git(root, "reset", "-q", "--hard", "HEAD~1")
    done = fastbuild(warm, "replay", "--engine=private", "--real=2", str(root))
    assert done.returncode == 0
    git(root, "commit", "-q", "--allow-empty", "-m", "nothing new")
    done = fastbuild(warm, "replay", "--engine=private", "--real=2", str(root))
    assert done.returncode == 1
    assert b"can't be built" in done.stderr


def test_each_commit_names_the_files_and_the_instruction_to_blame(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    today, as_was = replayed(warm, root, "--commits=99")["columns"]
    assert today["commits"] == as_was["commits"]
    for name, each in zip(CHANGES, today["commits"], strict=True):
        kind = name.partition("/")[0]
        roots = {rerun["root"] for rerun in each["reruns"]}
        expected = {
            "conf": {"COPY conf /conf"},
            "lib": {"COPY lib /lib"},
            "src": {"COPY . /app"},
            "docs": set(),
        }
        assert roots == expected[kind]
        assert all(rerun["files"] == [name] for rerun in each["reruns"])
    assert [len(each) for each in ran(today)] == [2, 0, 4, 2, 6, 0, 4, 2, 6, 2]
    assert today["invalidated"][0]["instruction"] == "COPY conf /conf"
    assert {"path": "src/a", "times": 2} in next(
        each["files"] for each in today["invalidated"] if each["instruction"] == "COPY . /app"
    )


def test_the_same_content_again_is_a_hit(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    git(root, "revert", "--no-edit", "HEAD")
    found = replayed(warm, root, "--commits=1")
    assert len(found["columns"][0]["commits"][0]["reruns"]) == 2
    again = replayed(warm, root, "--commits=2")
    assert [len(each["reruns"]) for each in again["columns"][0]["commits"]] == [2, 0]


def test_recorded_builds_give_the_seconds(runner: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    assert not replayed(runner, root)["columns"][0]["measured"]
    assert fastbuild(runner, "build", "--engine=private", str(root)).returncode == 0
    column = replayed(runner, root, "--commits=2")["columns"][0]
    assert column["measured"]
    assert 3.3 < column["commits"][0]["seconds"] < 60


def test_other_files_and_another_order_are_columns_of_their_own(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    other = tmp_path / "Dockerfile.other"
    other.write_text("FROM busybox:latest\nCOPY conf /conf\n")
    columns = replayed(warm, root, "--commits=10", f"--dockerfile={other}", "--reordered")["columns"]
    assert [each["name"] for each in columns[:3]] == ["today's file", "as it was", str(other)]
    assert [len(each) for each in ran(columns[2])] == [0, 0, 0, 0, 1, 0, 0, 0, 1, 0]


def test_a_subdirectory_is_replayed_with_its_own_ignore_file(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "all", LAYERED)
    shutil.copytree(root / "src", root / "app/src")
    (root / "app/Dockerfile").write_text("FROM busybox:latest\nCOPY . /app\n")
    (root / "app/Dockerfile.dockerignore").write_text("src/b\n")
    commit(root, "a subdirectory")
    for name in ("app/src/a", "app/src/b", "src/a"):
        (root / name).write_text("changed")
        commit(root, name)
    columns = replayed(warm, root / "app", "--commits=3")["columns"]
    assert [ran(column) for column in columns] == [[["COPY"], [], []]] * 2


def test_a_repository_that_is_sent_with_the_context_is_told(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    (root / ".dockerignore").write_text("docs\n")
    commit(root, "all is sent")
    git(root, "commit", "-q", "--allow-empty", "-m", "nothing")
    found = replayed(warm, root, "--commits=1")
    assert any(".git is sent" in note for note in found["notes"])
    assert ran(found["columns"][0]) == [["COPY", "RUN"]]


def test_commits_that_can_not_be_built_are_told_and_the_others_counted(warm: Runner, tmp_path: Path) -> None:
    root = repository(tmp_path / "app")
    (root / "src").write_text("one")
    commit(root, "no Dockerfile yet")
    (root / "Dockerfile").write_text("FROM busybox:latest\nCOPY src missing /\n")
    commit(root, "a file that is not there")
    (root / "Dockerfile").write_text("FROM busybox:latest\nCOPPY src /\n")
    commit(root, "a typing error")
    (root / "Dockerfile").write_bytes(b"\xff\xfe\0F")
    commit(root, "not a text")
    (root / "Dockerfile").write_text("FROM busybox:latest\nCOPY src /\n")
    (root / ".dockerignore").write_text("[\n")
    commit(root, "a bad pattern")
    (root / ".dockerignore").write_bytes(b".git\n\xff\n")
    commit(root, "it works")
    (root / "src").write_text("two")
    commit(root, "it works again")
    found = replayed(warm, root, "--commits=20")
    as_was = found["columns"][1]
    assert [bool(each["problem"]) for each in as_was["commits"]] == [True, True, True, True, False, False]
    assert as_was["failed"] == 4
    assert "missing" in as_was["commits"][0]["problem"] or "not there" in as_was["commits"][0]["problem"]
    assert "COPPY" in as_was["commits"][1]["problem"]
    assert any("only 6 commits" in note for note in found["notes"])


def test_a_shallow_clone_is_told(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    git(tmp_path, "clone", "-q", "--depth=4", f"file://{root}", "clone")
    assert any("shallow" in note for note in replayed(warm, tmp_path / "clone")["notes"])
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "one")
    done = fastbuild(warm, "replay", str(tmp_path / "one"))
    assert done.returncode == 2
    assert b"only one commit" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--ref=nowhere",), b"nowhere"),
        (("--dockerfile=absent",), b"absent"),
        (("--commits=0",), b"commits"),
        (("--real=1",), b"real"),
        (("-f", "absent"), b"absent"),
    ],
)
def test_what_is_not_there_is_refused(
    warm: Runner, tmp_path: Path, args: tuple[str, ...], said: bytes
) -> None:
    root = application(tmp_path / "app", LAYERED)
    done = fastbuild(warm, "replay", *args, str(root))
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_a_repository_or_without_git_it_says_so(warm: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "Dockerfile").write_text(LAYERED)
    done = fastbuild(warm, "replay", str(folder))
    assert (done.returncode, b"no git repository" in done.stderr) == (2, True)
    root = application(tmp_path / "app", LAYERED)
    done = fastbuild(warm, "replay", str(root), PATH=str(tmp_path))
    assert done.returncode in (2, 3)
    assert b"Traceback" not in done.stderr


def test_nothing_of_the_work_tree_is_touched(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    (root / "src/a").write_text("not committed")
    before = state(root)
    replayed(warm, root, "--commits=3", "--real=2")
    assert state(root) == before


def state(root: Path) -> dict[str, tuple[float, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in root.rglob("*")}


def test_an_interrupted_replay_leaves_no_engine_and_no_files(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    argv = command("replay", "--engine=private", "--real=5", str(root))
    with subprocess.Popen(argv, env=warm.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        assert running.stderr is not None
        while b"building" not in (line := running.stderr.readline()):
            assert line, "it ended"
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 130, said
    kept = warm.folder / "cache/fastbuild"
    assert list(kept.glob("replay-*")) == []
    living = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(f"{kept}/replay-".encode() in line for line in living)


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(warm: Runner, tmp_path: Path) -> None:
    root = application(tmp_path / "app", LAYERED)
    ours, theirs = os.openpty()
    argv = command("replay", "--engine=private", "--format=markdown", str(root))
    with os.fdopen(theirs, "wb") as terminal:
        done = subprocess.run(argv, env=warm.env, stdout=subprocess.PIPE, stderr=terminal, timeout=300)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    assert done.returncode == 0
    assert b"10/10" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert b"| mean |" in done.stdout
