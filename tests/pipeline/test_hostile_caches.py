from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastbuild.pipeline.read_caches import CacheRead, read_cache
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from pathlib import Path

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["sha256:" + "0" * 64, "sha256:../../../../etc/passwd", "sha256:", "/etc/passwd", "random:x"]
    ),
)
NAMES = st.sampled_from(
    ["manifests", "digest", "size", "config", "layers", "records", "inputs", "link", "blob", "parent"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
TEXTS = st.binary(max_size=64) | VALUES.map(lambda value: json.dumps(value).encode())
SETTINGS = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def store(folder: Path, text: bytes) -> dict[str, Any]:
    """A blob, and its descriptor."""
    digest = hashlib.sha256(text).hexdigest()
    (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (folder / "blobs/sha256" / digest).write_bytes(text)
    return {"digest": f"sha256:{digest}", "size": len(text), "mediaType": "x"}


def read(folder: Path, index: bytes) -> CacheRead:
    (folder / "index.json").write_bytes(index)
    return read_cache(CacheSpec("local", (("src", str(folder)),)), None, {})


def index_of(*manifests: object) -> bytes:
    return json.dumps({"manifests": manifests}).encode()


def one_line(found: CacheRead) -> bool:
    """Either its records, or a sentence that fits on a line and shows no control characters."""
    said = found.problem
    return found.records is not None if not said else len(said.splitlines()) == 1


@SETTINGS
@given(text=TEXTS)
def test_any_index_is_read_or_ignored_with_a_line(tmp_path: Path, text: bytes) -> None:
    assert one_line(read(tmp_path, text))


@SETTINGS
@given(descriptor=VALUES)
def test_any_descriptor_is_read_or_ignored_with_a_line(tmp_path: Path, descriptor: object) -> None:
    assert one_line(read(tmp_path, index_of(descriptor)))


@SETTINGS
@given(text=TEXTS)
def test_any_manifest_is_read_or_ignored_with_a_line(tmp_path: Path, text: bytes) -> None:
    assert one_line(read(tmp_path, index_of(store(tmp_path, text))))


@SETTINGS
@given(config=TEXTS, layers=VALUES)
def test_any_records_are_read_or_ignored_with_a_line(tmp_path: Path, config: bytes, layers: object) -> None:
    manifest = {"config": store(tmp_path, config), "layers": layers}
    assert one_line(read(tmp_path, index_of(store(tmp_path, json.dumps(manifest).encode()))))


def test_a_digest_with_a_path_in_it_reads_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b'{"layers": [], "config": {}}')
    found = read(tmp_path, index_of({"digest": "sha256:../../outside", "size": 28}))
    assert found.records is None
    assert found.problem
