"""Why steps ran, on a fresh runner that knows nothing but what lies in S3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.live import causes, lost_causes
from tests.live.builds import build, fastbuild

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.live.builds import Built

pytestmark = pytest.mark.live

MAIN = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "team/app", "GITHUB_REF": "refs/heads/main"}
MAIN |= {"GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch", "GITHUB_EVENT_NAME": "push"}


@pytest.fixture(scope="module")
def cache(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bucket in which the application's first build has left its cache and its side file."""
    account = lab.s3_server.account.new_bucket("causes")
    url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    folder = tmp_path_factory.mktemp("first") / "app"
    folder.mkdir()
    causes.lay_out(folder)
    with lab.runner(**MAIN) as first:
        done = build(first, folder, "--engine", "private", "--cache", url)
    assert done.code == 0, done.err
    return url


def on_fresh_runner(lab: Lab, folder: Path, url: str, *flags: str) -> Built:
    with lab.runner(**MAIN) as fresh:
        done = build(fresh, folder, "--engine", "private", "--cache", url, "--cache-mode", "read", *flags)
    assert done.code == 0, done.err
    return done


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    causes.lay_out(folder)
    return folder


@pytest.mark.parametrize("planted", causes.PLANTED, ids=lambda planted: planted.name)
def test_a_planted_cause_is_named(lab: Lab, app: Path, cache: str, planted: causes.Planted) -> None:
    planted.change(app)
    done = on_fresh_runner(lab, app, cache, *planted.flags)
    assert done.record is not None
    reasons = done.record["reasons"]
    print(json.dumps(reasons, indent=1, ensure_ascii=False), done.err)
    first = reasons[0]
    assert first["cause"] == planted.cause
    assert planted.says in first["sentence"]
    assert planted.blamed in first["step"].replace("\n", " ")
    ran = [step["line"] for step in done.record["timing"]["steps"] if step["status"] == "ran"]
    assert sorted(ran) == sorted(reason["line"] for reason in reasons)
    assert done.record["score"]["wrong"] == []
    assert "hunter2" not in json.dumps(reasons)


@pytest.mark.parametrize("name", causes.NEUTRAL)
def test_what_changes_no_key_has_no_reason(lab: Lab, app: Path, cache: str, name: str) -> None:
    causes.NEUTRAL[name](app)
    done = on_fresh_runner(lab, app, cache)
    assert done.record is not None
    assert done.record["reasons"] == []
    assert done.record["timing"]["steps"]
    assert not any(step["status"] == "ran" for step in done.record["timing"]["steps"])


@pytest.mark.parametrize("story", [*lost_causes.STORIES, *lost_causes.ORDINARY], ids=lambda story: story.name)
def test_what_became_of_a_cache_is_told(lab: Lab, tmp_path: Path, story: lost_causes.Story) -> None:
    done = story.happens(lost_causes.Place(lab, tmp_path))
    assert done.record is not None
    reasons = done.record["reasons"]
    print(json.dumps(reasons, indent=1, ensure_ascii=False), done.err)
    assert lost_causes.is_told(story, reasons)
    ran = [step["line"] for step in done.record["timing"]["steps"] if step["status"] == "ran"]
    assert sorted(ran) == sorted(reason["line"] for reason in reasons)
    assert bool(reasons) == (story.cause is not None)


def test_a_first_build_could_reuse_nothing(lab: Lab, app: Path) -> None:
    with lab.runner() as fresh:
        done = build(fresh, app, "--engine", "private")
        again = fastbuild(fresh, "explain")
        assert b"the engine's store was empty, and no cache was named" in again.stdout
    assert done.record is not None
    assert {reason["cause"] for reason in done.record["reasons"]} == {"never_built"}


def test_a_first_build_of_a_branch_finds_no_cache(lab: Lab, app: Path) -> None:
    account = lab.s3_server.account.new_bucket("first")
    url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    done = on_fresh_runner(lab, app, url)
    assert done.record is not None
    sentences = {reason["sentence"] for reason in done.record["reasons"]}
    assert len(sentences) == 1
    assert sentences.pop().startswith("nothing could be reused: nothing lies under `s3 ")


def test_a_build_is_compared_with_another_one_or_with_a_branch(lab: Lab, app: Path, cache: str) -> None:
    with lab.runner(**MAIN) as fresh:
        one = build(fresh, app, "--engine", "private")
        assert one.record is not None
        (app / "src/a.py").write_text("a = 3\n")
        build(fresh, app, "--engine", "private", "--build-arg", "VERSION=9")
        build_id = one.record["id"]
        against_build = json.loads(
            fastbuild(fresh, "explain", "--against", build_id, "--format", "json").stdout
        )
        against_main = fastbuild(fresh, "explain", "--against", "main", "--cache", cache, cwd=app)
        unknown = fastbuild(fresh, "explain", "--against", "nothing", "--cache", cache, cwd=app)
    assert against_build["reasons"][0]["cause"] == "variable"
    assert against_build["reasons"][0]["against"] == build_id
    assert b"`VERSION` changed: 1" in against_main.stdout
    assert unknown.returncode == 2
    assert b"holds nothing yet" in unknown.stderr


def test_what_lies_beside_a_cache_can_be_anything(lab: Lab, app: Path, tmp_path: Path) -> None:
    """A local cache, because a file is easily damaged there."""
    where = f"local:{tmp_path / 'cache'}"
    with lab.runner(**MAIN) as first:
        assert build(first, app, "--engine", "private", "--cache", where).code == 0
    (side,) = (tmp_path / "cache").rglob("fastbuild-side-*")
    whole = side.read_bytes()
    (app / "src/a.py").write_text("a = 4\n")
    for damaged in (b"", b"\x1f\x8b", whole[: len(whole) // 2], b"{}", b"[" * 100_000):
        side.write_bytes(damaged)
        with lab.runner(**MAIN) as fresh:
            done = build(fresh, app, "--engine", "private", "--cache", where, "--cache-mode", "read")
        assert done.code == 0, done.err
        assert done.record is not None
        assert {r["cause"] for r in done.record["reasons"]} <= {"unknown", "follows"}, damaged[:20]
