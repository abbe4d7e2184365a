"""`fastbuild predict` as a user calls it; that it is right is shown in test_predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import build, fastbuild, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

PRIVATE = ("--engine", "private")


def predicted(runner: Runner, context: Path, *args: str, **env: str) -> dict[str, Any]:
    done = fastbuild(runner, "predict", *args, "--format", "json", str(context), **env)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def verdicts(found: dict[str, Any]) -> list[str]:
    return [step["verdict"] for step in found["steps"] if step["verdict"] != "source"]


def test_before_and_after_a_build(runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    first = predicted(runner, context, *PRIVATE)
    assert (verdicts(first), first["word"], first["all_hit"]) == (["miss", "miss"], "prediction", False)
    assert build(runner, context, *PRIVATE).code == 0
    second = predicted(runner, context, *PRIVATE)
    assert (verdicts(second), second["all_hit"]) == (["hit", "hit"], True)
    assert second["steps"][-1]["caches"] == ["local"]
    (context / "app.txt").write_text("two\n")
    third = predicted(runner, context, *PRIVATE)
    assert verdicts(third) == ["miss", "miss"]
    assert all(step["seconds"] is not None for step in third["steps"] if step["verdict"] == "miss")


def test_the_exit_code_says_whether_a_step_would_run(runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    asked = ("predict", *PRIVATE, "--exit-code", str(context))
    before = fastbuild(runner, *asked)
    assert (before.returncode, before.stderr) == (1, b"")
    assert b"2 of 2 steps would run" in before.stdout
    build(runner, context, *PRIVATE)
    assert fastbuild(runner, *asked).returncode == 0


def test_a_fresh_runner_knows_what_it_would_fetch(lab: Lab, tmp_path: Path) -> None:
    account = lab.s3_server.account.new_bucket("predict")
    url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    context = project(
        tmp_path / "app", "FROM busybox\nRUN echo one > /one\nCOPY app.txt /\nRUN cat /app.txt\n"
    )
    with lab.runner() as first:
        assert build(first, context, *PRIVATE, "--cache", url).code == 0
    (context / "app.txt").write_text("two\n")
    with lab.runner() as fresh:
        found = predicted(fresh, context, *PRIVATE, "--cache", url)
        assert verdicts(found) == ["hit", "miss", "miss"]
        assert found["steps"][1]["caches"][0].startswith("s3 ")
        done = build(fresh, context, *PRIVATE, "--cache", url)
    assert done.record is not None
    assert done.record["score"] in (None, {"right": 3, "maybe": 0, "wrong": []})
    received = sum(step["bytes_downloaded"] for step in done.record["timing"]["steps"])
    assert found["bytes"] == received


CROSS = """\
FROM --platform=$BUILDPLATFORM busybox AS tools
COPY pip.txt /
ARG TARGETARCH
COPY app.txt /
RUN sleep 5; echo "for $TARGETARCH" > /made
FROM busybox
COPY pip.txt /pip
COPY --from=tools /made /made
"""
BOTH = ("--platform", "linux/arm64,linux/amd64")


def test_several_platforms_are_predicted_scored_and_explained(lab: Lab, tmp_path: Path) -> None:
    account = lab.s3_server.account.new_bucket("platforms")
    url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    context = project(tmp_path / "app", CROSS, app_txt="one\n", pip_txt="one\n")
    asked = (*PRIVATE, *BOTH, "--cache", url)
    with lab.runner() as first:
        assert set(verdicts(predicted(first, context, *asked))) == {"miss"}
        made = build(first, context, *asked)
        assert made.record is not None
        assert made.record["score"] == {"right": 8, "maybe": 0, "wrong": []}
        assert set(verdicts(predicted(first, context, *asked))) == {"hit"}
    (context / "app.txt").write_text("two\n")
    with lab.runner() as fresh:
        found = predicted(fresh, context, *asked)
        again = build(fresh, context, *asked)
    told = [(s["line"], s["platform"], s["verdict"]) for s in found["steps"] if s["verdict"] != "source"]
    assert told == [
        (2, "linux/amd64", "hit"),
        (4, "linux/amd64->arm64", "miss"),
        (5, "linux/amd64->arm64", "miss"),
        (5, "linux/amd64", "miss"),
        (7, "linux/arm64", "hit"),
        (7, "linux/amd64", "hit"),
        (8, "linux/arm64", "maybe"),
        (8, "linux/amd64", "maybe"),
    ]
    assert again.record is not None
    score = again.record["score"]
    assert (score["maybe"], score["wrong"]) == (2, [])
    assert 4 <= score["right"] <= 6, "a hit may be given up for a later one"
    shown = {(step["line"], step["platform"]) for step in again.record["timing"]["steps"]}
    reasons = {(reason["line"], reason["platform"]): reason for reason in again.record["reasons"]}
    assert reasons.keys() <= shown
    assert {line for line, _ in reasons} >= {4, 5}
    for (line, _), reason in reasons.items():
        assert reason["sentence"] == (
            "`app.txt` changed" if line == 4 else "follows from line 4 `COPY app.txt /`"
        )
    received = sum(step["bytes_downloaded"] for step in again.record["timing"]["steps"])
    assert 0 < received <= found["bytes"]


def test_layers_that_two_platforms_need_are_counted_once(lab: Lab, tmp_path: Path) -> None:
    account = lab.s3_server.account.new_bucket("layers")
    url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
    text = "FROM busybox\nCOPY pip.txt /\nCOPY app.txt /\n"
    context = project(tmp_path / "app", text, app_txt="one\n", pip_txt="one\n")
    with lab.runner() as first:
        assert build(first, context, *PRIVATE, *BOTH, "--cache", url).code == 0
    (context / "app.txt").write_text("two\n")
    with lab.runner() as fresh:
        both = predicted(fresh, context, *PRIVATE, *BOTH, "--cache", url)
    each = [step["bytes"] for step in both["steps"] if step["verdict"] == "hit"]
    assert len(each) == 2
    assert 0 < both["bytes"] < sum(each)


def test_a_platform_whose_steps_can_not_be_told_ends_the_prediction_in_one_line(
    runner: Runner, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", "FROM scratch\nCOPY --from=busybox / /\nRUN true\n")
    done = fastbuild(runner, "predict", *PRIVATE, *BOTH, str(context))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the steps for linux/arm64 can't be told without building" in done.stderr


def test_what_an_engine_of_others_holds_is_not_known(lab: Lab, runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app")
    with lab.buildkitd() as daemon:
        host = {"BUILDKIT_HOST": daemon.address}
        assert build(runner, context, "--engine", "buildctl", **host).code == 0
        found = predicted(runner, context, "--engine", "buildctl", **host)
        done = build(runner, context, "--engine", "buildctl", "--build-arg", "UNUSED=1", **host)
    assert verdicts(found) == ["maybe", "maybe"]
    assert "own store can't be read" in found["problems"][0]
    assert done.record is not None
    assert done.record["score"] in (None, {"right": 0, "maybe": 2, "wrong": []})


def test_doctor_tells_the_score(runner: Runner, tmp_path: Path) -> None:
    build(runner, project(tmp_path / "app"), *PRIVATE)
    said = fastbuild(runner, "doctor", *PRIVATE).stdout.decode()
    assert "predictions on v0.34.1: 2 of 2 steps right, 0 undecided" in said


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("https://example.com/app.git",), 2, "a remote context can't be predicted"),
        (("--engine", "docker", "."), 3, "no engine to build with"),
        (("--format", "yaml", "."), 2, "yaml"),
    ],
)
def test_what_can_not_be_predicted_is_told(
    runner: Runner, tmp_path: Path, args: tuple[str, ...], code: int, words: str
) -> None:
    context = project(tmp_path / "app")
    done = fastbuild(runner, "predict", *args, cwd=context)
    assert words in done.stderr.decode(), done.stderr.decode()
    assert done.returncode == code


def test_a_dockerfile_that_does_not_parse_ends_as_a_build_does(runner: Runner, tmp_path: Path) -> None:
    context = project(tmp_path / "app", "FROM busybox\nRUMBLE\n")
    done = fastbuild(runner, "predict", *PRIVATE, str(context))
    assert done.returncode == 4
    assert b"RUMBLE" in done.stderr
