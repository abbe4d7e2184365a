from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.snapshots import Snapshots
from fastbuild.keys.store import StoreError, read_store
from tests.keys.recorded import STORE

if TYPE_CHECKING:
    from pathlib import Path

LAZY = {"cache.blobonly": True, "cache.blob": "sha256:b", "cache.blobsize": 5}
IMAGE = {**LAZY, "cache.imageRefs": ["docker.io/library/busybox"]}


def test_the_recorded_store_has_a_result_for_every_step() -> None:
    records = read_store(STORE)
    steps = {child for children in records.edges.values() for child in children}
    assert len(steps) == 7
    assert steps <= set(records.held)
    assert records.own
    assert records.label == "local"


def test_a_worker_that_is_gone_has_no_results(tmp_path: Path) -> None:
    shutil.copy(STORE, tmp_path / "cache.db")
    records = read_store(tmp_path / "cache.db")
    assert records.edges
    assert not records.held


@pytest.mark.parametrize("what", ["absent", "empty", "text", "cut", "database of something else"])
def test_what_is_no_store_is_an_error_of_its_own(tmp_path: Path, what: str) -> None:
    path = tmp_path / "cache.db"
    other = STORE.parent / "runc-overlayfs/metadata_v2.db"
    contents = {
        "empty": b"",
        "text": b"x" * 70_000,
        "cut": STORE.read_bytes()[:20_000],
        "database of something else": other.read_bytes(),
    }
    if what in contents:
        path.write_bytes(contents[what])
    with pytest.raises(StoreError, match=r"cache\.db"):
        read_store(path)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"a": {}}, (True, 0)),
        ({}, (False, 0)),
        ({"a": {"cache.deleted": True}}, (False, 0)),
        ({"a": {"cache.parent": "b"}, "b": {}}, (True, 0)),
        ({"a": {"cache.parent": "b"}}, (False, 0)),
        ({"a": {"cache.parent": "a"}}, (True, 0)),
        ({"a": {"cache.mergeParents": ["b", "c"]}, "b": {}}, (False, 0)),
        ({"a": {"cache.mergeParents": ["b", "c"]}, "b": {}, "c": {}}, (True, 0)),
        ({"a": {"cache.lowerDiffParent": "b"}}, (False, 0)),
        ({"a": LAZY}, (False, 0)),
        ({"a": {**LAZY, "cache.blob": "sha256:here"}}, (True, 0)),
        ({"a": {**LAZY, "cache.blobonly": False}}, (True, 0)),
        ({"a": IMAGE}, (True, 5)),
        ({"a": {"cache.parent": "b"}, "b": IMAGE}, (True, 5)),
        ({"a": {"cache.parent": 5, "cache.mergeParents": "b"}}, (True, 0)),
        ({"a": {**IMAGE, "cache.blobsize": -1}}, (True, 0)),
    ],
)
def test_a_result_exists_if_its_snapshots_do_and_its_blobs_can_be_had(
    records: dict[str, dict[str, object]], expected: tuple[bool, int]
) -> None:
    snapshots = Snapshots(workers={"w": records}, blobs=frozenset({"sha256:here"}))
    exists, top = snapshots.look("w::a")
    assert (exists, top.size if top else 0) == expected


def test_references_to_other_workers_and_malformed_ones_lead_nowhere() -> None:
    snapshots = Snapshots(workers={"w": {"a": {}}}, blobs=frozenset())
    assert snapshots.look("w::") == (True, None)
    for reference in ("x::a", "w", "", "::a", "w:a"):
        assert snapshots.look(reference)[0] is False
