"""The cache is written after the image: while the build waits, in the background, or not at all."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.lab.faults import Respond, Rule, on
from tests.lab.proxy import FaultProxy
from tests.live.builders import environment
from tests.live.builds import build, fastbuild, project
from tests.live.started import in_background, processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.lab.services import S3Account
    from tests.live.builds import Built

pytestmark = pytest.mark.live

MADE = "RUN dd if=/dev/urandom of=/big bs=1M count=4 2>/dev/null"
APP = f"FROM busybox:latest\n{MADE}\nCOPY app.txt /app.txt\nRUN cat /app.txt > /built.txt\n"
SLOW = 500_000
"""Bytes a second: the layer of `APP` takes eight of them."""


@pytest.fixture
def bucket(lab: Lab) -> S3Account:
    """An empty bucket."""
    return lab.s3_server.account.new_bucket("export")


def cache(bucket: S3Account, endpoint: str = "") -> tuple[str, ...]:
    url = f"s3://{bucket.bucket}/ci?endpoint_url={endpoint or bucket.endpoint}&region=us-east-1"
    return ("--cache", url, "--name", "app", "--engine", "private")


def manifests(bucket: S3Account) -> dict[str, bytes]:
    """BuildKit's manifests (JSON) and our side files (compressed) in a bucket, by key."""
    client = bucket.client()
    found = client.list_objects_v2(Bucket=bucket.bucket).get("Contents", [])
    keys = [item["Key"] for item in found if "/blobs/" not in item["Key"]]
    return {key: client.get_object(Bucket=bucket.bucket, Key=key)["Body"].read() for key in keys}


def written(bucket: S3Account) -> bool:
    return any(data.startswith(b"{") for data in manifests(bucket).values())


def image_there(lab: Lab, repository: str) -> bool:
    return (
        requests.get(f"http://{lab.registry}/v2/{repository}/manifests/latest", timeout=5).status_code == 200
    )


def push(lab: Lab, repository: str) -> tuple[str, ...]:
    return "--push", "-t", f"{lab.registry}/{repository}:latest"


def export_of(done: Built) -> dict[str, Any]:
    assert done.record is not None
    found = done.record["export"]
    assert isinstance(found, dict)
    return found


def flush(runner: Runner, *args: str) -> list[dict[str, Any]]:
    done = fastbuild(runner, "cache", "flush", "--format", "json", *args)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["exports"])


def on_the_next_runner(lab: Lab, bucket: S3Account, context: Path) -> Built:
    """A build of other files on a runner that has nothing but the cache."""
    (context / "app.txt").write_text(f"{time.time()}\n")
    with lab.runner() as fresh:
        done = build(fresh, context, *cache(bucket), "--cache-mode", "read")
    assert done.code == 0, done.err
    return done


def test_the_image_and_its_files_are_there_while_the_cache_is_still_written(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context, iid = project(tmp_path / "app", APP), tmp_path / "iid"
    with FaultProxy(bucket.endpoint, bytes_per_second=SLOW) as proxy:
        args = (*cache(bucket, proxy.endpoint), "--iidfile", str(iid), *push(lab, "export-order"))
        with in_background(runner, "--progress", "plain", *args, str(context)) as started:
            started.saw("exporting cache", 60)
            assert image_there(lab, "export-order")
            assert iid.read_text().startswith("sha256:")
            assert "CACHED" not in started.text
            assert not written(bucket)
            proxy.set_speed(None)
            assert started.end()[0] == 0, started.text
            record = started.written()
    assert written(bucket)
    exported = [other for other in record["timing"]["others"] if other["kind"] == "cache_export"]
    pushed = [other for other in record["timing"]["others"] if other["kind"] in ("export", "push")]
    assert max(other["completed"] for other in pushed) <= min(other["started"] for other in exported)
    assert record["export"]["result"] == "written"
    assert record["image_seconds"] + record["export"]["seconds"] <= record["seconds"]
    assert "written after it in" in started.text
    assert on_the_next_runner(lab, bucket, context).steps()[MADE] == "hit_remote"


def test_layers_that_the_push_compressed_are_not_compressed_again(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    assert build(runner, context, *cache(bucket), *push(lab, "export-once")).code == 0
    manifest = next(data for data in manifests(bucket).values() if data.startswith(b"{"))
    blobs = {layer["blob"] for layer in json.loads(manifest)["layers"]}
    kind = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
    url = f"http://{lab.registry}/v2/export-once/manifests"
    image = requests.get(f"{url}/latest", headers={"Accept": kind}, timeout=5).json()
    if "manifests" in image:
        digest = image["manifests"][0]["digest"]
        image = requests.get(f"{url}/{digest}", headers={"Accept": kind}, timeout=5).json()
    assert {layer["digest"] for layer in image["layers"]} == blobs


def test_in_the_background_and_joined_at_the_end_of_the_job(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    with FaultProxy(bucket.endpoint, bytes_per_second=SLOW) as proxy:
        done = build(runner, context, *cache(bucket, proxy.endpoint), "--export", "background")
        assert done.code == 0, done.err
        assert export_of(done)["result"] == "pending"
        assert not written(bucket)
        # the next step of the job does what it likes with the tree
        (context / "app.txt").write_text("another\n")
        assert [one["result"] for one in flush(runner, "--timeout", "0")] == ["running"]
        proxy.set_speed(None)
        ended = flush(runner)
    assert [one["result"] for one in ended] == ["written"]
    assert ended[0]["build"] == (done.record or {})["id"]
    assert written(bucket)
    assert flush(runner) == []
    later = on_the_next_runner(lab, bucket, context)
    assert later.steps()[MADE] == "hit_remote"
    # the side file came along, so that the reason can be told
    assert any("`app.txt` changed" in reason["sentence"] for reason in (later.record or {})["reasons"])


def test_a_background_export_that_is_killed_is_told_by_the_next_build(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    with FaultProxy(bucket.endpoint, bytes_per_second=SLOW) as proxy:
        done = build(runner, context, *cache(bucket, proxy.endpoint), "--export", "background")
        assert done.code == 0, done.err
        journal = next((runner.folder / "state").rglob("exports/*.json"))
        os.kill(json.loads(journal.read_text())["pid"], signal.SIGKILL)
    identity = (done.record or {})["id"]
    again = build(runner, context, "--engine", "private")
    assert again.code == 0, again.err
    assert [note for note in again.notes() if f"cache of build {identity} was not written" in note]
    assert build(runner, context, "--engine", "private").notes() == []
    assert not written(bucket)
    assert on_the_next_runner(lab, bucket, context).steps()[MADE] == "ran"


def test_a_background_export_that_fails_is_no_failure_but_told(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    with FaultProxy(bucket.endpoint, rules=[Rule(on("PUT"), Respond(403))]) as proxy:
        done = build(runner, context, *cache(bucket, proxy.endpoint), "--export", "background")
        assert done.code == 0, done.err
        ended = fastbuild(runner, "cache", "flush")
    assert ended.returncode == 0
    told = (ended.stdout + done.err.encode()).decode()
    assert "was not written" in told or "writing it failed" in told
    assert "403" in told


@pytest.mark.parametrize("how", ["wait", "background"])
def test_strict_builds_wait_and_fail_with_their_cache(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path, how: str
) -> None:
    context, iid = project(tmp_path / "app", APP), tmp_path / "iid"
    with FaultProxy(bucket.endpoint, rules=[Rule(on("PUT"), Respond(403))]) as proxy:
        args = (*cache(bucket, proxy.endpoint), "--cache-strict", "--export", how, "--iidfile", str(iid))
        done = build(runner, context, *args)
    assert done.code == 1, done.err
    assert "writing it failed" in done.err
    assert (export_of(done)["how"], export_of(done)["result"]) == ("wait", "failed")
    assert iid.read_text().startswith("sha256:")


@pytest.mark.parametrize("how", ["wait", "background"])
def test_an_unchanged_build_writes_nothing(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path, how: str
) -> None:
    context = project(tmp_path / "app", APP)
    assert build(runner, context, *cache(bucket)).code == 0
    before = manifests(bucket)
    with lab.runner() as fresh, FaultProxy(bucket.endpoint) as proxy:
        done = build(fresh, context, *cache(bucket, proxy.endpoint), "--export", how)
        assert done.code == 0, done.err
        assert export_of(done)["result"] == "skipped"
        assert [one for one in proxy.exchanges if one.method in ("PUT", "POST")] == []
        assert flush(fresh) == []
    assert manifests(bucket) == before
    assert "up to date" in done.err


def test_a_changed_build_is_written_and_so_is_one_under_another_name(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    assert build(runner, context, *cache(bucket)).code == 0
    (context / "app.txt").write_text("two\n")
    assert export_of(build(runner, context, *cache(bucket)))["result"] == "written"
    assert export_of(build(runner, context, *cache(bucket)))["result"] == "skipped"
    other = build(runner, context, *cache(bucket), "--name", "other")
    assert export_of(other)["result"] == "written"


def test_off_reads_and_writes_nothing(lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path) -> None:
    context = project(tmp_path / "app", APP)
    done = build(runner, context, *cache(bucket), FASTBUILD_EXPORT="off")
    assert done.code == 0, done.err
    assert done.record is not None
    assert (done.record["export"], done.record["cache_written"]) == (None, [])
    assert manifests(bucket) == {}


def test_a_result_that_lands_in_the_context_does_not_lose_the_cache(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", "FROM busybox:latest\nCOPY . /src\nRUN ls /src > /built.txt\n")
    done = build(runner, context, *cache(bucket), "-o", str(context / "out"), "--export", "background")
    assert done.code == 0, done.err
    assert export_of(done)["how"] == "with_image"
    assert [note for note in done.notes() if "lies in the context" in note]
    assert written(bucket)
    (context / ".dockerignore").write_text("out\n")
    ignored = build(runner, context, *cache(bucket), "-o", str(context / "out"))
    assert export_of(ignored)["how"] == "wait"
    assert export_of(ignored)["result"] == "written"


def test_what_was_built_in_spite_of_the_cache_is_what_is_written(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context, out = project(tmp_path / "app", APP), tmp_path / "out"
    assert build(runner, context, *cache(bucket)).code == 0
    done = build(runner, context, *cache(bucket), "--no-cache", "-o", str(out))
    assert done.code == 0, done.err
    assert done.steps()[MADE] == "ran"
    assert export_of(done)["result"] == "written"
    made = (out / "big").read_bytes()
    with lab.runner() as fresh:
        assert build(fresh, context, *cache(bucket), "-o", str(tmp_path / "later")).code == 0
    assert (tmp_path / "later" / "big").read_bytes() == made


@pytest.mark.parametrize("name", ["buildctl", "buildx"])
@pytest.mark.parametrize("how", ["wait", "background"])
def test_with_engines_that_are_not_ours(
    lab: Lab, runner: Runner, new_daemon: Buildkitd, tmp_path: Path, name: str, how: str
) -> None:
    context = project(tmp_path / "app", APP)
    env = environment(name, new_daemon, runner)
    place = f"registry://{lab.registry}/cache/{tmp_path.name.lower()}"
    args = ("--cache", place, "--name", "app", "--export", how)
    done = build(runner, context, *args, **env)
    assert done.code == 0, done.err
    if how == "background":
        assert [one["result"] for one in flush(runner)] == ["written"]
    else:
        assert export_of(done)["result"] == "written"
    (context / "app.txt").write_text("two\n")
    with lab.runner() as fresh:
        later = build(fresh, context, "--engine", "private", *args)
    assert later.steps()[MADE] == "hit_remote", later.err


def test_a_tree_that_changes_between_the_image_and_the_cache_is_not_exported(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    # the output is written when the build is over: whoever waits for it changes the tree right then
    fifo = tmp_path / "out.tar"
    os.mkfifo(fifo)
    args = (*cache(bucket), "-o", f"type=tar,dest={fifo}", "--progress", "plain")
    with in_background(runner, *args, str(context)) as started:
        with fifo.open("rb") as tar:
            assert tar.read(1)
            (context / "app.txt").write_text("changed\n")
            assert tar.read()
        assert started.end()[0] == 0, started.text
        record = started.written()
    assert record["export"]["result"] == "failed"
    assert [note for note in record["notes"] if "has changed since the build began" in note]
    assert not written(bucket)
    assert wait_until(lambda: not processes(str(context)), 5)


@pytest.mark.parametrize("how", ["wait", "background"])
def test_two_builds_that_write_one_name_are_told(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path, how: str
) -> None:
    mine, theirs = project(tmp_path / "mine", APP), project(tmp_path / "theirs", APP, app_txt="theirs\n")
    with FaultProxy(bucket.endpoint, bytes_per_second=SLOW) as proxy:
        args = (*cache(bucket, proxy.endpoint), "--export", how, "--progress", "plain")
        with in_background(runner, *args, str(mine)) as started:
            started.saw("exporting cache" if how == "wait" else "in the background", 60)
            with lab.runner() as other:
                meanwhile = build(other, theirs, *cache(bucket))
            assert meanwhile.code == 0, meanwhile.err
            assert not [note for note in meanwhile.notes() if "cache:" in note]
            proxy.set_speed(None)
            assert started.end()[0] == 0, started.text
            said = started.written()["notes"] if how == "wait" else flush(runner)[0]["problems"]
    identity = (meanwhile.record or {})["id"]
    assert [one for one in said if f"build {identity}" in one and "overwritten" in one], said


def test_builds_one_after_the_other_are_not_told_of_each_other(
    lab: Lab, runner: Runner, bucket: S3Account, tmp_path: Path
) -> None:
    context = project(tmp_path / "app", APP)
    for text in ("one\n", "two\n", "one\n"):
        (context / "app.txt").write_text(text)
        assert build(runner, context, *cache(bucket)).notes() == []
        on_the_next = build(runner, context, *cache(bucket), "--no-cache")
        assert on_the_next.notes() == []
