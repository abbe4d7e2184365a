"""`fastbuild cache ls|du|inspect|verify|prune` on caches that real builds have written."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import build, fastbuild
from tests.live.test_caches import EXPENSIVE, repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.lab.services import S3Account
    from tests.live.builds import Built

pytestmark = pytest.mark.live

MAIN = "team/app/final/linux-amd64/main"
LAST = "RUN cat /app.txt /made > /built.txt"


@dataclass(frozen=True)
class Cache:
    """One test's cache, a project with a main branch, and a machine from which both are used."""

    kind: str
    spec: str
    account: S3Account
    context: Path
    runner: Runner
    lab: Lab

    def build(self, *args: str) -> Built:
        """A build on a machine that has built nothing yet."""
        with self.lab.runner() as fresh:
            done = build(fresh, self.context, "--engine", "private", "--cache", self.spec, *args)
        assert done.code == 0, done.err
        return done

    def said(self, command: str, *args: str, code: int = 0) -> Any:
        """What a command says in JSON."""
        words = ("cache", command, "--cache", self.spec, "--format", "json", *args)
        done = fastbuild(self.runner, *words, cwd=self.context)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def objects(self) -> dict[str, int]:
        """All objects, with their sizes."""
        if self.kind == "s3":
            found = self.account.client().list_objects_v2(Bucket=self.account.bucket).get("Contents", ())
            return {each["Key"]: each["Size"] for each in found}
        root = Path(self.spec.removeprefix("local:"))
        return {str(path): path.stat().st_size for path in root.rglob("*") if path.is_file()}

    def put(self, key: str, data: bytes) -> None:
        if self.kind == "s3":
            self.account.client().put_object(Bucket=self.account.bucket, Key=key, Body=data)
        else:
            Path(key).write_bytes(data)

    def delete(self, key: str) -> None:
        if self.kind == "s3":
            self.account.client().delete_object(Bucket=self.account.bucket, Key=key)
        else:
            Path(key).unlink()

    def branch(self, name: str) -> None:
        subprocess.run(["git", "switch", "-qc", name], cwd=self.context, check=True)

    def last_blob(self, name: str = MAIN) -> str:
        """The key of the blob that the project's last step made."""
        (step,) = [each for each in self.said("inspect", name)["name"]["by_step"] if each["step"] == LAST]
        (layer,) = step["layers"]
        (key,) = [key for key in self.objects() if key.endswith(layer["digest"].removeprefix("sha256:"))]
        return key


@pytest.fixture
def make(lab: Lab, tmp_path: Path, runner: Runner) -> Iterator[Any]:
    def made(kind: str, **options: str) -> Cache:
        account = lab.s3_server.account.new_bucket("commands")
        more = "".join(f"&{key}={value}" for key, value in options.items())
        spec = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1{more}"
        if kind == "local":
            spec = f"local:{tmp_path / 'cache dir'}"
        if kind == "registry":
            spec = f"registry://{lab.registry}/commands/{tmp_path.name.lower().replace('_', '-').strip('-')}"
        context = repository(tmp_path / "app")
        return Cache(kind=kind, spec=spec, account=account, context=context, runner=runner, lab=lab)

    return made


@pytest.mark.parametrize("kind", ["s3", "local"])
def test_what_was_built_is_listed_measured_and_shown_by_step(make: Any, kind: str) -> None:
    cache = make(kind)
    built = cache.build()
    cache.branch("feature/x")
    (cache.context / "app.txt").write_text("two\n")
    cache.build()

    listed = {each["name"]: each for each in cache.said("ls")["names"]}
    assert [name.rpartition("/")[2][:9] for name in listed] == ["feature-x", "main"]
    main = listed[MAIN]
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=cache.context, text=True).strip()
    assert (main["repository"], main["target"], main["branch"]) == ("team/app", "final", "main")
    assert main["commit"] == commit
    assert main["steps"] == len([s for s in built.steps() if not s.startswith("FROM")])
    assert main["records"] > main["steps"]
    assert 0 <= main["age_seconds"] < 600

    blobs = {key: size for key, size in cache.objects().items() if "blobs" in key}
    used = cache.said("du")
    framing = 0 if kind == "s3" else sum(_framing(cache))
    assert used["bytes"] == sum(blobs.values()) - framing
    assert sum(each["bytes"] for each in used["instructions"]) + used["orphan_bytes"] == used["bytes"]
    assert used["orphan_bytes"] == 0
    assert {each["instruction"] for each in used["instructions"]} >= {EXPENSIVE, LAST, "(base image)"}
    assert "(no step known)" not in {each["instruction"] for each in used["instructions"]}
    if kind == "s3":
        assert used["shared_bytes"] > 0

    shown = cache.said("inspect", MAIN)["name"]
    assert sum(each["bytes"] for each in shown["by_step"]) == shown["bytes"] == main["bytes"]
    assert sum(each["records"] for each in shown["by_step"]) == main["records"]
    assert shown["built"]["current"] is True
    steps = [each for each in shown["by_step"] if not each["step"].startswith("(")]
    assert [len(each["layers"]) for each in steps] == [1] * len(steps)


def _framing(cache: Cache) -> list[int]:
    """Bytes of manifests and configs, which hold no layers."""
    found = []
    for index in Path(cache.spec.removeprefix("local:")).glob("*/index.json"):
        for entry in json.loads(index.read_text())["manifests"]:
            blobs = index.parent / "blobs" / "sha256"
            text = (blobs / entry["digest"][7:]).read_text()
            found += [len(text), json.loads(text)["config"]["size"]]
    return found


@pytest.mark.parametrize("kind", ["s3", "local"])
def test_a_whole_cache_is_whole_and_a_missing_blob_s_name_is_dropped(make: Any, kind: str) -> None:
    cache = make(kind)
    cache.build()
    assert cache.said("verify", "--deep")["faults"] == []
    gone = cache.last_blob()
    cache.delete(gone)
    (fault,) = cache.said("verify", code=1)["faults"]
    assert (fault["kind"], fault["key"], fault["names"]) == ("missing", gone, [MAIN])
    assert cache.said("verify", "--repair")["dropped"] == [MAIN]
    assert cache.said("ls")["names"] == []
    assert not [key for key in cache.objects() if "side" in key]
    assert cache.build().steps()[EXPENSIVE] == "ran"
    assert cache.said("verify", "--deep")["faults"] == []


@pytest.mark.parametrize("kind", ["s3", "local"])
@pytest.mark.parametrize("bad", ["truncated", "damaged"])
def test_a_bad_blob_is_deleted_so_that_the_next_export_writes_it_anew(make: Any, kind: str, bad: str) -> None:
    cache = make(kind)
    cache.build()
    key = cache.last_blob()
    size = cache.objects()[key]
    cache.put(key, b"x" * (size if bad == "damaged" else size - 1))
    deep = ("--deep",) if bad == "damaged" else ()
    if bad == "damaged":
        assert cache.said("verify")["faults"] == []
    (fault,) = cache.said("verify", *deep, code=1)["faults"]
    assert (fault["kind"], fault["key"]) == (bad, key)
    mended = cache.said("verify", "--repair", *deep)
    assert (mended["dropped"], mended["deleted"]) == ([MAIN], [key])
    assert cache.build().steps()[LAST] == "ran"
    assert cache.said("verify", "--deep")["faults"] == []
    assert cache.build("-o", str(cache.runner.folder / "out")).steps()[LAST] == "hit_remote"


def test_what_is_foreign_is_reported_and_left_alone(make: Any) -> None:
    cache = make("s3")
    cache.build()
    foreign = ["ci/blobs/notes.txt", "ci/README", "ci/blobs/sha256:short"]
    for key in foreign:
        cache.put(key, b"somebody else's")
    found = cache.said("verify")
    assert found["foreign"] == sorted(foreign)
    assert found["whole"] is True
    cache.said("prune", MAIN, "--grace", "0s")
    assert set(foreign) <= set(cache.objects())


def test_a_file_among_the_manifests_that_is_none_keeps_every_blob(make: Any) -> None:
    cache = make("s3", touch_refresh="1s")
    cache.build()
    cache.put("ci/manifests/odd", b"not a manifest")
    cache.said("prune", MAIN, "--grace", "0s")
    time.sleep(2)
    for _ in range(3):
        pruned = cache.said("prune", "--grace", "0s")
        assert pruned["blocked_by"] == ["ci/manifests/odd"]
        assert pruned["blobs"] == []
    assert "ci/manifests/odd" in cache.objects()
    assert cache.said("verify", code=1)["unread"][0]["key"] == "ci/manifests/odd"


def test_blobs_go_only_after_two_looks_and_the_plan_is_what_is_done(make: Any) -> None:
    cache = make("s3", touch_refresh="1s")
    cache.build()
    cache.branch("gone")
    (cache.context / "app.txt").write_text("two\n")
    cache.build()
    subprocess.run(["git", "switch", "-q", "main"], cwd=cache.context, check=True)
    instead = f"url.{cache.context}/.git.insteadOf"
    subprocess.run(
        ["git", "config", instead, "https://user:hunter2@git.example/team/app.git"], cwd=cache.context
    )
    subprocess.run(["git", "branch", "-qD", "gone"], cwd=cache.context, check=True)
    rules = ("--branches-from-git", "--grace", "1s")
    time.sleep(4)  # what is younger than touch_refresh and grace is not looked at yet
    everything = cache.objects()
    plan = cache.said("prune", *rules, "--dry-run")
    assert cache.objects() == everything
    done = cache.said("prune", *rules)
    assert done["names"] == plan["names"]
    assert [(each["name"].rpartition("/")[2], each["reason"]) for each in done["names"]] == [
        ("gone", "dead branch")
    ]
    assert done["blobs"] == plan["blobs"] == []
    assert plan["waiting_blobs"] == done["waiting_blobs"] > 0
    after = cache.objects()
    time.sleep(4)
    plan = cache.said("prune", *rules, "--dry-run")
    assert cache.objects() == after
    swept = cache.said("prune", *rules)
    assert swept["blobs"] == plan["blobs"] != []
    assert swept["waiting_blobs"] == 0
    assert set(after) - set(cache.objects()) == {each["key"] for each in swept["blobs"]}
    assert cache.said("verify", "--deep")["whole"] is True
    (cache.context / "app.txt").write_text("one\n")
    assert cache.build().steps()[LAST] in ("hit_remote", "skipped")


def test_a_dropped_local_name_goes_as_a_whole_after_the_grace(make: Any) -> None:
    cache = make("local")
    cache.build()
    folder = Path(cache.spec.removeprefix("local:"))
    cache.said("prune", MAIN, "--grace", "0s")
    assert [each.name for each in folder.iterdir() if each.is_dir()] == [MAIN.replace("/", "_")]
    assert cache.said("ls")["names"] == []
    (home,) = (each for each in folder.iterdir() if each.is_dir())
    cache.build()  # it lives again, and its blobs are there
    cache.said("prune", "--grace", "0s")
    assert home.exists()
    assert cache.said("verify", "--deep")["whole"] is True


def test_the_default_branch_stays_and_the_least_recently_written_go_first(make: Any) -> None:
    cache = make("s3")
    cache.build()
    for branch in ("one", "two"):
        cache.branch(branch)
        (cache.context / "app.txt").write_text(branch)
        cache.build()
        time.sleep(1)  # S3's times are whole seconds
    names = {each["name"].rpartition("/")[2]: each for each in cache.said("ls")["names"]}
    both = cache.said("du")["bytes"] - names["one"]["unique_bytes"]
    subprocess.run(["git", "switch", "-q", "main"], cwd=cache.context, check=True)
    found = cache.said("prune", "--keep-bytes", str(both), "--dry-run")
    assert [each["name"].rpartition("/")[2] for each in found["names"]] == ["one"]
    found = cache.said("prune", "--keep-bytes", "0", "--keep-for", "0s")
    assert sorted(each["name"].rpartition("/")[2] for each in found["names"]) == ["one", "two"]
    assert [each["name"] for each in cache.said("ls")["names"]] == [MAIN]
    assert cache.said("prune", MAIN)["names"] == [{"name": MAIN, "reason": "named"}]


def test_lifecycle_rules_let_blobs_outlive_manifests(make: Any) -> None:
    cache = make("s3")
    done = fastbuild(cache.runner, "cache", "prune", "--cache", cache.spec, "--lifecycle", cwd=cache.context)
    days = {rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in json.loads(done.stdout)["Rules"]}
    assert days == {"ci/manifests/": 14, "ci/fastbuild/side/": 14, "ci/blobs/": 22}
    assert b"weaker than fastbuild cache prune" in done.stderr


def test_builds_never_fail_while_prune_runs(make: Any) -> None:
    """LAB_PRUNE_SECONDS makes it longer. Files have set times, so that layers that went come back."""
    cache = make("s3", touch_refresh="1s")
    before = time.monotonic()
    cache.build()
    grace = max(15, round(3 * (time.monotonic() - before)))
    until = time.monotonic() + float(os.environ.get("LAB_PRUNE_SECONDS", str(4 * grace + 20)))
    swept: list[str] = []
    failed: list[BaseException] = []

    def prune() -> None:
        turn = 0
        try:
            while time.monotonic() < until:
                turn += 1
                held = [each["name"] for each in cache.said("ls")["names"]]
                found = cache.said("prune", "--grace", f"{grace}s", *(held if turn % 4 == 0 else ()))
                swept.extend(each["key"] for each in found["blobs"])
                time.sleep(1)
        except BaseException as error:
            failed.append(error)

    pruning = threading.Thread(target=prune)
    pruning.start()
    builds = 0
    while time.monotonic() < until:
        builds += 1
        app = cache.context / "app.txt"
        app.write_text(f"{builds % 3}\n")
        os.utime(app, (1_700_000_000 + builds % 3, 1_700_000_000 + builds % 3))
        cache.build("--cache-strict")  # which doesn't build again without the cache
    pruning.join()
    assert not failed, failed
    assert swept
    assert cache.said("verify", "--deep")["faults"] == []


def test_a_registry_s_caches_are_listed_and_verified_and_not_pruned(make: Any) -> None:
    cache = make("registry")
    cache.build()
    cache.branch("feature/x")
    cache.build()
    (feature, main) = cache.said("ls")["names"]
    assert (feature["branch"], main["branch"], main["name"]) == ("feature/x", "main", MAIN)
    assert main["bytes"] == feature["bytes"] > main["unique_bytes"] == 0
    assert cache.said("du")["bytes"] == main["bytes"]
    assert LAST in {each["step"] for each in cache.said("inspect", MAIN)["name"]["by_step"] if each["layers"]}
    assert cache.said("verify")["whole"] is True
    refused = fastbuild(cache.runner, "cache", "prune", "--cache", cache.spec, cwd=cache.context)
    assert refused.returncode == 2
    assert b"retention" in refused.stderr
