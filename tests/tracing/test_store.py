"""Evidence kept between builds."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.paths import Paths
from fastbuild.tracing import store
from tests.tracing.test_reads import READS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "home")}, os.getuid())


def test_what_is_saved_is_loaded(paths: Paths) -> None:
    key = store.chain_key(["FROM a", "RUN b"])
    assert store.load(paths, key) is None
    store.save(paths, key, READS)
    store.save(paths, key, replace(READS, line=4))
    assert store.load(paths, key) == replace(READS, line=4)
    (file,) = (paths.state / "reads").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_incomplete_evidence_is_not_kept(paths: Paths) -> None:
    with pytest.raises(ValueError, match="too large"):
        store.save(paths, "key", replace(READS, complete=False, reason="too large"))


def test_damaged_evidence_is_none(paths: Paths) -> None:
    store.save(paths, "key", READS)
    file = paths.state / "reads/key.json"
    for text in ("{", '{"format":1}', READS.to_json()[:-5]):
        file.write_text(text)
        assert store.load(paths, "key") is None


def test_the_oldest_evidence_goes_first(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    for number in range(3):
        store.save(paths, f"k{number}", READS)
        os.utime(paths.state / f"reads/k{number}.json", (number, number))
    store.save(paths, "k0", READS)  # renewed, so k1 is the oldest
    store.save(paths, "k3", READS)
    assert [store.load(paths, f"k{number}") is not None for number in range(4)] == [True, False, True, True]


def test_the_key_depends_on_where_texts_end() -> None:
    assert store.chain_key(["a", "b"]) != store.chain_key(["ab"]) != store.chain_key(["a b"])
    assert len(store.chain_key([])) == 32
