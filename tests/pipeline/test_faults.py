from __future__ import annotations

import pytest

from fastbuild.pipeline.faults import LEAST_BYTES, Watch, is_blob_fault
from fastbuild.progress.events import Transfer, Vertex

IMPORT = "importing cache manifest from s3:1234"
EXPORT = "exporting cache to Amazon S3"


@pytest.mark.parametrize(
    "text",
    [
        "error: failed to solve: failed to compute cache key: failed to copy: httpReadSeeker: failed open",
        "error: failed to solve: failed to get reader from s3: GetObject, StatusCode: 403",
        "error: failed to copy: unexpected EOF",
    ],
)
def test_a_missing_layer_is_the_cache_s_fault(text: str) -> None:
    assert is_blob_fault(text)


@pytest.mark.parametrize(
    "text",
    [
        'error: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1',
        'failed to compute cache key: failed to calculate checksum of ref x: "/nofile": not found',
        "error: failed to solve: dockerfile parse error on line 2: unknown instruction: FRM",
        "",
    ],
)
def test_a_wrong_build_is_not(text: str) -> None:
    assert not is_blob_fault(text)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def layer(name: str, current: int, *, done: bool = False) -> Transfer:
    return Transfer(
        id=f"sha256:{name}", step="s", current=current, started=0.0, completed=1.0 if done else None
    )


def test_a_build_beyond_all_patience_is_stuck(clock: Clock) -> None:
    watch = Watch(10, 60, clock)
    clock.now = 60.0
    assert watch.stuck() == ""
    clock.now = 60.1
    assert watch.stuck() == "build"


@pytest.mark.parametrize(("name", "what"), [(IMPORT, "import"), (EXPORT, "export")])
def test_a_silent_cache_operation_is_stuck(clock: Clock, name: str, what: str) -> None:
    watch = Watch(10, clock=clock)
    watch.add(Vertex(id="v", name=name, started=0.0))
    clock.now = 10.0
    assert watch.stuck() == ""
    clock.now = 10.1
    assert watch.stuck() == what
    watch.add(Vertex(id="v", name=name, started=0.0, completed=11.0))
    assert watch.stuck() == ""


def test_an_export_that_reports_is_not_stuck(clock: Clock) -> None:
    watch = Watch(10, clock=clock)
    watch.add(Vertex(id="v", name=EXPORT, started=0.0))
    clock.now = 9.0
    watch.add(Transfer(id="writing layer sha256:1", step="v"))
    clock.now = 18.0
    assert watch.stuck() == ""


def test_a_layer_that_trickles_is_stuck(clock: Clock) -> None:
    watch = Watch(10, clock=clock)
    for clock.now in range(12):
        watch.add(layer("a", clock.now * 100))
    assert watch.stuck() == "layer"


def test_layers_that_wait_for_each_other_are_not_stuck(clock: Clock) -> None:
    watch = Watch(10, clock=clock)
    watch.add(layer("waiting", 0))
    for clock.now in range(60):
        watch.add(layer("moving", clock.now * LEAST_BYTES))
        assert watch.stuck() == ""


def test_layers_that_arrived_are_not_stuck(clock: Clock) -> None:
    watch = Watch(10, clock=clock)
    watch.add(layer("a", 10))
    watch.add(layer("a", 10, done=True))
    clock.now = 100.0
    assert watch.stuck() == ""


def test_a_long_step_is_not_a_cache_operation(clock: Clock) -> None:
    watch = Watch(10, clock=clock)
    watch.add(Vertex(id="v", name="[2/3] RUN sleep 1000", started=0.0))
    clock.now = 900.0
    assert watch.stuck() == ""
