"""When base images were made, from blobs in a content store like the engine's."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.keys.graph import Graph, Op
from fastbuild.pipeline.base_dates import base_dates

if TYPE_CHECKING:
    from pathlib import Path

MADE = "2026-11-20T10:00:00.123456789Z"
SECONDS = datetime.fromisoformat("2026-11-20T10:00:00.123456+00:00").timestamp()


def put(root: Path, value: Any) -> str:
    """Store a blob; its digest."""
    data = json.dumps(value).encode()
    name = hashlib.sha256(data).hexdigest()
    folder = root / "runc-overlayfs/content/blobs/sha256"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return f"sha256:{name}"


def image(root: Path, created: Any = MADE) -> str:
    return put(root, {"config": {"digest": put(root, {"created": created})}})


def graph(digest: str) -> Graph:
    op = Op(
        digest="base",
        kind="source",
        body={"identifier": f"docker-image://docker.io/library/busybox:latest@{digest}"},
        inputs=(),
        platform=("linux", "amd64", ""),
        name="",
        lines=(),
        ignore_cache=False,
        weak=False,
    )
    return Graph(ops=(op,), final="")


def test_a_manifest_leads_to_its_date(tmp_path: Path) -> None:
    digest = image(tmp_path)
    assert base_dates(graph(digest), tmp_path) == {digest: pytest.approx(SECONDS)}


def test_an_index_leads_to_the_date_of_its_image_for_the_platform(tmp_path: Path) -> None:
    entries = [("amd64", image(tmp_path)), ("arm64", image(tmp_path, "2026-01-01T00:00:00Z"))]
    manifests = [{"digest": d, "platform": {"os": "linux", "architecture": a}} for a, d in entries]
    index = put(tmp_path, {"manifests": manifests})
    assert base_dates(graph(index), tmp_path) == {index: pytest.approx(SECONDS)}


@pytest.mark.parametrize(
    "created", [None, 5, "", "yesterday", "1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "9" * 5000]
)
def test_what_is_no_date_or_stands_for_none_gives_none(tmp_path: Path, created: Any) -> None:
    assert base_dates(graph(image(tmp_path, created)), tmp_path) == {}


def test_what_was_not_fetched_or_is_damaged_gives_none(tmp_path: Path) -> None:
    digest = image(tmp_path)
    assert base_dates(graph(digest), None) == {}
    assert base_dates(graph(digest), tmp_path / "elsewhere") == {}
    for shape in ({"config": 1}, {"config": {"digest": "../../etc/passwd"}}, {"manifests": [1, {}]}, []):
        assert base_dates(graph(put(tmp_path, shape)), tmp_path) == {}
    for blob in tmp_path.rglob("sha256/*"):
        blob.write_bytes(blob.read_bytes().replace(b"2026", b"2025"))
    assert base_dates(graph(digest), tmp_path) == {}
