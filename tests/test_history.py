from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.errors import UsageError
from fastbuild.explain.reasons import Cause, Reason
from fastbuild.files import check_writable
from fastbuild.history import BuildRecord, History, Score, new_id, utc, write_record
from fastbuild.progress.events import Warning
from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import BuildTiming, OtherTiming, Status, StepTiming
from tests import recordings

if TYPE_CHECKING:
    from collections.abc import Iterator


def build(id: str = "b", **changes: object) -> BuildRecord:
    record = BuildRecord(id=id, started=utc(0.0), seconds=1.0, result="ok", exit_code=0)
    return replace(record, **changes)  # type: ignore[arg-type]


_TEXT = st.text(max_size=20)
_NUMBER = st.floats(allow_nan=False, allow_infinity=False)
_STEPS = st.builds(
    StepTiming, id=_TEXT, name=_TEXT, stage=_TEXT, index=st.integers(), platform=_TEXT,
    line=st.none() | st.integers(), instruction=_TEXT, status=st.sampled_from(Status), execute=_NUMBER,
    started=st.none() | _NUMBER, error=_TEXT, log_tail=_TEXT,
    size=st.none() | st.integers(), compressed=st.none() | st.booleans(),
)  # fmt: skip
_OTHERS = st.builds(
    OtherTiming, kind=st.sampled_from(StepKind), name=_TEXT, seconds=_NUMBER, bytes=st.integers()
)
_WARNINGS = st.builds(Warning, step=_TEXT, level=st.integers(), short=_TEXT, line=st.none() | st.integers())
_TIMINGS = st.builds(
    BuildTiming, started=st.none() | _NUMBER, completed=st.none() | _NUMBER, text=_TEXT,
    steps=st.lists(_STEPS, max_size=3).map(tuple), others=st.lists(_OTHERS, max_size=3).map(tuple),
    warnings=st.lists(_WARNINGS, max_size=2).map(tuple), notes=st.lists(_TEXT, max_size=2).map(tuple),
)  # fmt: skip
_RECORDS = st.builds(
    BuildRecord, id=_TEXT, started=_TEXT, seconds=_NUMBER, result=_TEXT, exit_code=st.integers(),
    version=st.just(1), dirty=st.none() | st.booleans(), timing=_TIMINGS, tags=st.lists(_TEXT).map(tuple),
)  # fmt: skip


def test_a_record_from_before_layers_were_measured_has_no_sizes() -> None:
    old = json.loads(recordings.record("single").to_json())
    for step in old["timing"]["steps"]:
        del step["size"], step["compressed"]
    read = BuildRecord.from_json(json.dumps(old))
    assert {(step.size, step.compressed) for step in read.timing.steps} == {(None, None)}
    assert read == recordings.record("single")


@given(_RECORDS)
@settings(deadline=None)
def test_a_record_survives_its_json(record: BuildRecord) -> None:
    assert BuildRecord.from_json(record.to_json()) == record
    assert BuildRecord.from_json(record.to_json(indent=2)) == record


@pytest.mark.parametrize("name", recordings.NAMES)
def test_recorded_builds_survive_their_json(name: str) -> None:
    record = recordings.record(name)
    assert BuildRecord.from_json(record.to_json()) == record


def test_fields_of_a_later_fastbuild_are_passed_over() -> None:
    raw = json.loads(build().to_json())
    raw["new"] = raw["timing"]["new"] = 1
    assert BuildRecord.from_json(json.dumps(raw)) == build()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 1}', build().to_json().replace('"exit_code": 0', '"exit_code": "0"')],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no build record"):
        BuildRecord.from_json(text)


def test_another_version_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="version 2"):
        BuildRecord.from_json(build().to_json().replace('"version": 1', '"version": 2'))


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id(1767323045.0 + i / 1000) for i in range(500)]
    assert ids == sorted(ids)
    assert len({new_id(1.0) for _ in range(50)}) > 45
    assert {len(id) for id in ids} == {13}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "state" / "history.sqlite", kept=5)


def test_the_newest_builds_come_first(history: History) -> None:
    for number in range(3):
        history.add(build(f"a{number}", target="x" if number == 1 else ""))
    assert [record.id for record in history.list(2)] == ["a2", "a1"]
    assert [record.id for record in history.list(9, target="x")] == ["a1"]


def test_only_so_many_are_kept(history: History) -> None:
    for number in range(8):
        history.add(build(f"a{number}"))
    assert [record.id for record in history.list(99)] == ["a7", "a6", "a5", "a4", "a3"]


def test_builds_are_found_by_id_beginning_and_last(history: History) -> None:
    for id in ("ab1", "ab2", "c_%"):
        history.add(build(id))
    assert history.get("ab2").id == "ab2"
    assert history.get("c").id == history.get("last").id == "c_%"
    for wrong in ("ab", "x", "_", ""):
        with pytest.raises(UsageError):
            history.get(wrong)


def test_an_empty_history_has_nothing_and_makes_no_file(history: History, tmp_path: Path) -> None:
    assert history.list(5) == ()
    with pytest.raises(UsageError, match="no build is recorded"):
        history.get("last")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_the_file_is_private_under_any_umask(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    before = os.umask(umask)
    try:
        History(path).add(build())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert History(path).list(1) == (build(),)


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"

    def write(writer: int) -> None:
        for number in range(10):
            History(path).add(build(f"{writer}-{number}"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(History(path).list(99)) == 60


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """What a full disk does to a writer, without a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    history.add(build("a"))
    with no_file_grows_beyond(4096), pytest.raises(UsageError, match="can't be used"):
        history.add(build("b", context="x" * 50000))
    assert [record.id for record in history.list(9)] == ["a"]


def test_damage_and_wrong_paths_are_said(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no database" * 1000)
    file = tmp_path / "file"
    file.touch()
    for path in (damaged, file / "below", Path("/proc/none/history.sqlite"), tmp_path):
        with pytest.raises(UsageError, match="can't be used"):
            History(path).add(build())
    with pytest.raises(UsageError, match="can't be used"):
        History(damaged).list(1)


def test_a_table_of_another_make_is_said(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE builds (id TEXT)")
    connection.close()
    with pytest.raises(UsageError, match="can't be used"):
        History(path).add(build())


def test_a_record_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("old")
    path.chmod(0o640)
    write_record(path, build())
    assert BuildRecord.from_json(path.read_text()) == build()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_the_old_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("old")
    with no_file_grows_beyond(100), pytest.raises(UsageError, match="can't be written"):
        write_record(path, build())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_record(tmp_path / "link", build())
    assert (tmp_path / "link").is_symlink()
    assert BuildRecord.from_json((tmp_path / "real").read_text()) == build()


def test_a_device_is_written_directly() -> None:
    write_record(Path("/dev/null"), build())
    with pytest.raises(UsageError, match="No space left"):
        write_record(Path("/dev/full"), build())


def test_an_unwritable_place_is_found_early(tmp_path: Path) -> None:
    check_writable(tmp_path / "record.json")
    check_writable(Path("/dev/null"))
    assert list(tmp_path.iterdir()) == []
    for path in (tmp_path / "absent" / "record.json", Path("/proc/record.json"), tmp_path):
        with pytest.raises(UsageError, match="can't be written"):
            check_writable(path)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_found_early(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="can't be written"):
        check_writable(tmp_path / "record.json")


def test_scores_are_added_up_by_the_engines_version(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    for number, (version, score) in enumerate(
        (
            ("v1", Score(right=3, maybe=1)),
            ("v1", Score(right=1, maybe=0, wrong=("line 2: RUN a: foreseen as hit, but ran",))),
            ("v2", Score(right=5, maybe=0)),
            ("v2", None),
        )
    ):
        history.add(replace(build(), id=f"{number}x", engine_version=version, score=score))
    assert history.scores() == {
        "v1": Score(right=4, maybe=1, wrong=("line 2: RUN a: foreseen as hit, but ran",)),
        "v2": Score(right=5, maybe=0),
    }


def test_scores_and_reasons_survive_json() -> None:
    reason = Reason(
        step="[2/3] RUN a", line=2, platform="", cause=Cause.FILE_CHANGED, sentence="`a`", files=("a",)
    )
    record = replace(build(), score=Score(right=1, maybe=2, wrong=("x",)), reasons=(reason,))
    assert BuildRecord.from_json(record.to_json()) == record
