"""Every kind of cache on a fresh runner, under the names that CI and git give."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.live.builds import build, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.live.builds import Built

pytestmark = pytest.mark.live

APP = """\
FROM busybox:latest AS tools
RUN echo tool > /tool
FROM busybox:latest
COPY --from=tools /tool /tool
RUN sleep 0.2 && echo made > /made
COPY app.txt /app.txt
RUN cat /app.txt /made > /built.txt
"""
EXPENSIVE = "RUN sleep 0.2 && echo made > /made"


def cache_url(kind: str, lab: Lab, tmp_path: Path) -> str:
    if kind == "s3":
        account = lab.s3_server.account.new_bucket("kinds")
        return f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    if kind == "registry":
        return f"registry://{lab.registry}/cache/{tmp_path.name.lower()}"
    return f"local:{tmp_path / 'cache dir'}"


def repository(folder: Path) -> Path:
    """A git repository on `main` with an origin."""
    context = project(folder, APP, app_txt="one\n")
    for words in (
        ("init", "-q", "-b", "main"),
        ("remote", "add", "origin", "https://user:hunter2@git.example/team/app.git"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one"),
    ):
        subprocess.run(["git", *words], cwd=context, check=True)
    return context


def on_fresh_runner(lab: Lab, context: Path, *args: str, **env: str) -> Built:
    with lab.runner(**env) as fresh:
        done = build(fresh, context, "--engine", "private", *args)
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("kind", ["s3", "registry", "local"])
def test_a_fresh_runner_hits_what_another_wrote(lab: Lab, tmp_path: Path, kind: str) -> None:
    context = repository(tmp_path / "app")
    cache = cache_url(kind, lab, tmp_path)
    first = on_fresh_runner(lab, context, "--cache", cache)
    assert first.steps()[EXPENSIVE] == "ran"
    (context / "app.txt").write_text("two\n")
    second = on_fresh_runner(lab, context, "--cache", cache, "-o", str(tmp_path / "out"))
    assert second.steps()[EXPENSIVE] == "hit_remote"
    assert second.steps()["RUN cat /app.txt /made > /built.txt"] == "ran"
    assert (tmp_path / "out" / "built.txt").read_text() == "two\nmade\n"
    assert second.record is not None
    assert "team/app/final/linux-amd64/main".replace("/", "/" if kind == "s3" else "_") in str(
        second.record["cache_read"]
    )
    assert "hunter2" not in json.dumps(second.record) + second.err


def test_a_branch_reads_main_and_writes_its_own(lab: Lab, tmp_path: Path) -> None:
    context = repository(tmp_path / "app")
    cache = cache_url("s3", lab, tmp_path)
    on_fresh_runner(lab, context, "--cache", cache)
    subprocess.run(["git", "switch", "-qc", "feature/x"], cwd=context, check=True)
    branch = on_fresh_runner(lab, context, "--cache", cache)
    assert branch.record is not None
    assert branch.record["timing"]["steps"]
    assert EXPENSIVE not in [s for s, status in branch.steps().items() if status == "ran"]
    read, written = branch.record["cache_read"], branch.record["cache_written"]
    assert "main" in read[-1]
    assert len(written) == 1
    assert "feature" in written[0]


def test_a_pull_request_from_a_fork_reads_and_writes_nothing(lab: Lab, tmp_path: Path) -> None:
    context = repository(tmp_path / "app")
    cache = cache_url("s3", lab, tmp_path)
    on_fresh_runner(lab, context, "--cache", cache)
    event = tmp_path / "event.json"
    repo = {"full_name": "team/app", "fork": False}
    fork = {"full_name": "stranger/app", "fork": True}
    event.write_text(
        json.dumps(
            {
                "pull_request": {"head": {"repo": fork, "ref": "x"}, "base": {"repo": repo, "ref": "main"}},
                "repository": repo,
            }
        )
    )
    done = on_fresh_runner(
        lab,
        context,
        "--cache",
        cache,
        CI="true",
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_REPOSITORY="team/app",
        GITHUB_HEAD_REF="x",
        GITHUB_BASE_REF="main",
        GITHUB_REF="refs/pull/1/merge",
    )
    assert done.record is not None
    assert done.record["cache_written"] == []
    assert EXPENSIVE not in [s for s, status in done.steps().items() if status == "ran"]
    assert any("read-only" in note for note in done.notes())


def test_an_unchanged_build_fetches_nothing(lab: Lab, tmp_path: Path) -> None:
    context = repository(tmp_path / "app")
    cache = cache_url("s3", lab, tmp_path)
    on_fresh_runner(lab, context, "--cache", cache)
    again = on_fresh_runner(lab, context, "--cache", cache)
    assert again.record is not None
    steps = again.record["timing"]["steps"]
    assert {s["status"] for s in steps} <= {"hit_remote", "skipped", "source"}
    assert sum(s["bytes_downloaded"] for s in steps) == 0


def test_without_local_results_a_hit_s_origin_is_known_and_with_them_it_is_not_guessed(
    lab: Lab, tmp_path: Path
) -> None:
    context = repository(tmp_path / "app")
    cache = cache_url("s3", lab, tmp_path)
    with lab.runner() as runner:
        build(runner, context, "--engine", "private", "--cache", cache)
        warm = build(runner, context, "--engine", "private", "--cache", cache)
        alone = build(runner, context, "--engine", "private")
    assert {s for s in warm.steps().values() if s.startswith("hit")} <= {"hit", "hit_remote"}
    assert {s for s in alone.steps().values() if s.startswith("hit")} == {"hit_local"}
