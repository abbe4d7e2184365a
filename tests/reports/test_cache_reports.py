"""What the commands of `fastbuild cache` print for people."""

from __future__ import annotations

import json
from dataclasses import replace

from fastbuild.cache.inventory import EMPTY, Blob, Idle, Inventory, Name
from fastbuild.cache.prune import Pruned
from fastbuild.cache.prune_plan import Policy, plan_blobs, plan_names
from fastbuild.cache.verify import Fault, Verified
from fastbuild.explain.sidefile import SideFile, StepKey
from fastbuild.explain.stored import to_json
from fastbuild.keys.ops import record_key
from fastbuild.pipeline.cache_contents import describe_names, shares, usage
from fastbuild.reports import cache_names, cache_pruned, cache_usage, cache_verified

NAME = "team/app/final/linux-amd64/main"
OP = "sha256:" + "1" * 64
SIDE = SideFile(
    build="b1",
    created=1_000_000.0,
    commit="c" * 40,
    branch="main",
    engine="private",
    engine_version="0.34.1",
    manifest="sha256:m",
    steps=(StepKey(name="[1/1] RUN make", instruction="RUN make", lines=((2, 2),), op=OP, seconds=3.0),),
)
HELD = replace(
    EMPTY,
    layers={"blobs/base": ("sha256:base", 1000), "blobs/made": ("sha256:made", 5000)},
    makers={"blobs/made": frozenset({record_key(OP, 0)})},
    base=frozenset({"blobs/base"}),
    records=(record_key(OP, 0), "sha256:content"),
    results=1,
)
MAIN = Name(
    name=NAME,
    key=f"manifests/{NAME}",
    digest="sha256:m",
    modified=900_000.0,
    side=to_json(SIDE),
    contents=HELD,
)
ODD = Name(
    name="odd", key="manifests/odd", modified=990_000.0, problem="BuildKit does not import it: no list"
)
INVENTORY = Inventory(
    label="s3://bucket/ci/",
    now=1_000_000.0,
    names=(MAIN, ODD),
    blobs={
        key: Blob(key=key, digest=f"sha256:{key[6:]}", size=size, modified=1000.0)
        for key, size in (("blobs/base", 1000), ("blobs/made", 5000), ("blobs/left", 70))
    },
    idle={"blobs/left": Idle(seen=2000.0, modified=1000.0)},
    foreign=("README",),
)


def test_the_list_has_age_steps_and_commit_and_says_what_can_t_be_read() -> None:
    text = cache_names.render_list(INVENTORY, describe_names(INVENTORY), "text")
    head, odd, main, problem, last = text.splitlines()
    assert head.split() == ["name", "age", "records", "steps", "size", "seconds", "commit"]
    assert main.split() == [NAME, "28", "h", "2", "1", "6.0", "kB", "3.0", "c" * 12]
    assert odd.split() == ["odd", "3", "h", "0", "?", "0", "B", "?"]
    assert problem == "odd: BuildKit does not import it: no list"
    assert last == "2 names in s3://bucket/ci/, 6.1 kB"


def test_one_name_shows_its_steps_then_the_base_image_and_the_rest() -> None:
    (_, described) = describe_names(INVENTORY)
    text = cache_names.render_one(INVENTORY, described, shares(described, INVENTORY), "text")
    assert "built by b1: commit cccccccccccc of main, 1970-01-12T13:46:40Z, private 0.34.1" in text
    rows = [line.split() for line in text.splitlines()[4:]]
    assert rows == [
        ["2", "RUN", "make", "1", "1", "5.0", "kB", "3.0"],
        ["(base", "image)", "0", "1", "1.0", "kB"],
        ["(no", "step", "known)", "1", "0", "0", "B"],
    ]


def test_use_is_told_by_name_by_instruction_and_without_a_name() -> None:
    found = usage(INVENTORY)
    assert found.instructions == (("RUN make", 5000), ("(base image)", 1000))
    assert (found.total, found.shared, found.orphans) == (6070, 0, 70)
    text = cache_usage.render(INVENTORY, found, "text")
    assert "6.1 kB in s3://bucket/ci/; 0 B shared by several names; 70 B in 1 blob that no name needs" in text


def test_control_characters_in_a_cache_don_t_reach_the_terminal() -> None:
    evil = replace(INVENTORY, names=(replace(MAIN, name="a\x1b[2Jb", side=None),), foreign=("x\x1b[2J",))
    described = describe_names(evil)
    shown = cache_names.render_list(evil, described, "text")
    shown += cache_names.render_one(evil, described[0], shares(described[0], evil), "text")
    shown += cache_usage.render(evil, usage(evil), "text")
    shown += cache_verified.render(Verified(inventory=evil, faults=(), deep=False), "text")
    assert "\x1b" not in shown


def test_a_fault_names_the_blob_its_sizes_and_who_needs_it() -> None:
    fault = Fault(
        kind="truncated", key="blobs/made", digest="sha256:made", expected=5000, found=4, names=(NAME,)
    )
    found = Verified(inventory=INVENTORY, faults=(fault,), deep=False)
    text = cache_verified.render(found, "text")
    assert f"truncated  blobs/made (4 of 5000 bytes), needed by {NAME}" in text
    assert "foreign    README" in text
    assert "--repair drops the names" in text
    assert not found.mended
    assert json.loads(cache_verified.render(found, "json"))["whole"] is False


def test_a_plan_says_why_and_what_waits_and_what_stands_in_the_way() -> None:
    policy = Policy(keep_for=50_000.0)
    drops = plan_names(INVENTORY, policy)
    pruned = Pruned(
        inventory=INVENTORY, drops=drops, sweep=plan_blobs(INVENTORY, policy, drops), dry_run=True
    )
    text = cache_pruned.render(pruned, policy, "text")
    assert f"would drop {NAME}: age, written 28 h ago" in text
    assert "would delete 0 blobs" in text
    assert "no blob goes while manifests/odd can't be read" in text
    assert "3 blobs, 6.1 kB, wait: one goes when it is older than 24 h + 24 h" in text
    whole = replace(INVENTORY, names=(MAIN,))
    sweep = plan_blobs(whole, policy)
    done = Pruned(inventory=whole, drops=(), sweep=sweep, dry_run=False, swept=frozenset({"blobs/left"}))
    assert "deleted 1 blob, 70 B" in cache_pruned.render(done, policy, "text")
