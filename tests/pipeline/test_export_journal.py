from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.paths import Paths
from fastbuild.pipeline.export_journal import KEPT, Entry, Journal, lost

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "home")}, os.getuid())


def entry(build: str = "b1") -> Entry:
    return Entry(build=build, context="/app", engine="private", caches=("s3 main",), started=time.time())


def test_what_is_being_written_is_neither_lost_nor_ended(paths: Paths) -> None:
    journal = Journal.of(paths)
    lock = journal.begin(entry())
    assert (lost(paths), journal.ended("b1", time.monotonic())) == ([], None)
    os.close(lock)


def test_one_that_was_killed_is_told_once(paths: Paths) -> None:
    journal = Journal.of(paths)
    os.close(journal.begin(entry()))
    assert [said for said in lost(paths) if "build b1 was not written (s3 main)" in said]
    assert lost(paths) == []
    assert list(journal.folder.iterdir()) == []


def test_one_that_failed_is_told_with_its_reason(paths: Paths) -> None:
    journal = Journal.of(paths)
    os.close(journal.begin(entry()))
    journal.write(replace(entry(), result="failed", problems=("cache: writing it failed (403)",)))
    assert lost(paths) == ["cache: the cache of build b1 was not written (s3 main): writing it failed (403)"]


def test_one_that_was_written_is_kept_for_flush_and_then_forgotten(paths: Paths) -> None:
    journal = Journal.of(paths)
    os.close(journal.begin(entry()))
    journal.write(replace(entry(), result="written"))
    assert lost(paths) == []
    assert journal.ended("b1", time.monotonic()) == replace(
        entry(), result="written", started=next(journal.entries()).started
    )
    journal.write(replace(entry(), result="written", started=time.time() - KEPT - 1))
    assert lost(paths) == []
    assert list(journal.entries()) == []


def test_damaged_and_foreign_files_stop_nothing(paths: Paths) -> None:
    journal = Journal.of(paths)
    for name, text in {"a": "{", "b": '{"version": 9}', "c": '{"version": 1, "what": 2}', "d": "[]"}.items():
        (journal.folder / f"{name}.json").write_text(text)
    assert list(journal.entries()) == []
    assert lost(paths) == []


def test_a_machine_without_any_is_left_alone(paths: Paths) -> None:
    assert lost(paths) == []
    assert not paths.state.exists()
