"""Which whole cache a `--cache` value means, durations and sizes, names taken apart, what is remembered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fastbuild.cache.inventory import Idle, idle_from_json, idle_to_json, read_contents
from fastbuild.cache.inventory_local import LocalStore
from fastbuild.cache.inventory_registry import RegistryStore
from fastbuild.cache.inventory_s3 import S3Store
from fastbuild.cache.name_parts import of_branches, of_dead_branches, take_apart
from fastbuild.cache.names import as_tag, sibling
from fastbuild.cache.objects_api import Manifest
from fastbuild.cache.stores import open_store, seconds, size, untagged
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.cache.inventory import Contents

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
START = "team/app/final/linux-amd64"


def test_an_s3_value_means_its_whole_prefix_with_its_own_folders_and_refresh() -> None:
    found = open_store("s3://bucket/ci?region=eu-west-1&blobs_prefix=b&touch_refresh=2h", KEYS)
    assert isinstance(found.store, S3Store)
    assert (found.store.label, found.store.blobs_prefix) == ("s3://bucket/ci/", "b/")
    assert found.touch_refresh == 7200
    assert open_store("s3://bucket/ci?region=eu-west-1", KEYS).touch_refresh == 86_400


def test_a_local_value_means_the_directory_above_its_names(tmp_path: Path) -> None:
    store = open_store(f"local:{tmp_path}", {}).store
    assert isinstance(store, LocalStore)
    assert store.folder == tmp_path


def test_a_registry_value_means_its_repository() -> None:
    store = open_store("registry://host.example:5000/team/cache", {}).store
    assert isinstance(store, RegistryStore)
    assert store.label == "registry://host.example:5000/team/cache"


def test_what_only_the_engine_reads_is_refused() -> None:
    with pytest.raises(UsageError, match="can't be looked through"):
        open_store("gha", {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "https://results.example/"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14d", 1_209_600.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("2w", 1_209_600.0),
        ("0", 0.0),
        ("1.5h", 5400.0),
    ],
)
def test_durations_are_read(text: str, expected: float) -> None:
    assert seconds(text, "--grace") == expected


@pytest.mark.parametrize("text", ["", "14", "14 days", "-1d", "1y", "d"])
def test_what_is_no_duration_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--grace"):
        seconds(text, "--grace")


@pytest.mark.parametrize(
    ("text", "expected"), [("20GB", 20 * 10**9), ("1.5k", 1500), ("7", 7), ("3 MB", 3_000_000)]
)
def test_sizes_are_decimal(text: str, expected: int) -> None:
    assert size(text, "--keep-bytes") == expected


@pytest.mark.parametrize("text", ["", "GB", "20GiB", "-1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--keep-bytes"):
        size(text, "--keep-bytes")


@pytest.mark.parametrize("name", [f"{START}/main", "app/final/linux-amd64/x-0123456789ab"])
def test_a_tag_becomes_the_name_it_was_made_of(name: str) -> None:
    assert untagged(as_tag(name)) == name


@pytest.mark.parametrize("tag", ["latest", "my_cache", "_a_b_c_d", "A_b_c_d"])
def test_a_tag_that_was_chosen_by_hand_stays(tag: str) -> None:
    assert untagged(tag) == tag


def test_a_name_is_taken_apart_and_one_chosen_by_hand_is_not() -> None:
    parts = take_apart(f"{START}/main")
    assert parts is not None
    assert (parts.repository, parts.target, parts.platform, parts.branch) == (
        "team/app",
        "final",
        "linux-amd64",
        "main",
    )
    assert take_apart("buildkit") is None


def test_only_names_of_this_repository_and_of_no_living_branch_are_dead() -> None:
    gone, alive, other = (sibling(f"{START}/x", each) for each in ("old", "feature/x", "main"))
    elsewhere = "team/other/final/linux-amd64/old"
    shared = [sibling(f"{START}/x", each) for each in ("tags:", "detached:", "local")]
    names = [gone, alive, other, elsewhere, "buildkit", *shared]
    assert of_dead_branches(names, "team/app", ["feature/x", "main"]) == {gone}
    assert of_branches(names, ["old"]) == {gone, elsewhere}


def test_what_was_seen_idle_is_read_back_and_a_damaged_file_is_forgotten() -> None:
    idle = {"blobs/a": Idle(seen=2.5, modified=1.0)}
    assert idle_from_json(idle_to_json(idle)) == idle
    for text in (b"", b"[]", b'{"blobs": {"a": [1]}}', b'{"blobs": 3}', b"[" * 100_000):
        assert idle_from_json(text) == {}


def _layer(blob: str, parent: int) -> dict[str, object]:
    return {"blob": blob, "parent": parent, "annotations": {"diffID": "sha256:0", "size": 7}}


def _contents(layers: list[dict[str, object]], records: list[dict[str, object]]) -> tuple[Contents, str]:
    text = json.dumps({"layers": layers, "records": records}).encode()
    manifest = Manifest(text=text, digest="", sizes={})
    return read_contents(manifest, lambda digest: f"blobs/{digest}", sized=True)


def test_layers_below_every_result_are_the_base_image_s() -> None:
    layers = [_layer("sha256:a", -1), _layer("sha256:b", 0), _layer("sha256:c", 1), _layer("sha256:d", 2)]
    records: list[dict[str, object]] = [
        {"digest": "sha256:r", "layers": [{"layer": 2}]},
        {"digest": "sha256:s", "layers": [{"layer": 3}]},
    ]
    contents, problem = _contents(layers, records)
    assert problem == ""
    assert contents.base == {"blobs/sha256:a", "blobs/sha256:b"}
    assert contents.makers == {"blobs/sha256:c": {"sha256:r"}, "blobs/sha256:d": {"sha256:s"}}
    assert contents.layers["blobs/sha256:a"] == ("sha256:a", 7)
    assert (contents.results, contents.records) == (2, ("sha256:r", "sha256:s"))


@pytest.mark.parametrize("parents", [[1, 0], [0], [7], [-5]])
def test_layers_that_lead_nowhere_are_no_endless_walk(parents: list[int]) -> None:
    layers = [_layer(f"sha256:{number}", parent) for number, parent in enumerate(parents)]
    contents, problem = _contents(layers, [])
    assert problem == ""
    assert contents.base == frozenset()


def test_a_manifest_that_buildkit_refuses_names_nothing_and_says_why() -> None:
    contents, problem = _contents([{"blob": "sha256:a", "parent": -1}], [])
    assert "BuildKit does not import it" in problem
    assert not contents.layers
