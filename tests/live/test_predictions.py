"""A prediction is what the engine then does: families of Dockerfiles under many changes.

A sample of the pairs, chosen by FASTBUILD_PREDICTIONS_SEED (a new seed each time, which is printed).
FASTBUILD_ALL_PREDICTIONS=40 tries every family under 40 changes that make sense for it, 1 under all of them
(some 5,500 pairs).
The table of `benchmarks.predictions` comes from the same code.
"""

from __future__ import annotations

import functools
import os
import random
from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.ops import record_key
from fastbuild.paths import Paths
from tests.live.debug_daemon import debug_daemon
from tests.live.predictions.engines import Seat
from tests.live.predictions.families import FAMILIES
from tests.live.predictions.mutations import MUTATIONS
from tests.live.predictions.project import lay_out, world
from tests.live.predictions.running import complaints, run, sample
from tests.live.started import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.live.debug_daemon import DebugDaemon
    from tests.live.predictions.project import World

pytestmark = [pytest.mark.live, pytest.mark.timeout(0)]

ALL = int(os.environ.get("FASTBUILD_ALL_PREDICTIONS") or 0)
SEED = int(os.environ.get("FASTBUILD_PREDICTIONS_SEED") or random.randrange(10_000))
SAMPLE_FAMILIES, SAMPLE_EACH = 9, 7
DEBUGGED = (
    "environment",
    "heredocs",
    "bound",
    "linked from a stage",
    "parents",
    "a named directory",
    "triggers",
)
"""Families whose keys are compared with what an engine hashed."""
CHANGED = ("nothing", "content of a nested file", "a variable added", "modes of another umask")


def test_engines_that_know_a_build_and_new_ones_do_what_was_predicted(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n FASTBUILD_PREDICTIONS_SEED={SEED}")
    plan = sample(SEED, len(FAMILIES) if ALL else SAMPLE_FAMILIES)
    each = {0: SAMPLE_EACH, 1: None}.get(ALL, ALL)
    wrong: list[str] = []
    for _, outcomes in run(lab, tmp_path, plan, each=each):
        wrong += [outcomes] if isinstance(outcomes, str) else complaints(outcomes)
    assert wrong == [], f"seed {SEED}"


@pytest.fixture(scope="module")
def debugged(lab: Lab) -> Iterator[DebugDaemon]:
    with debug_daemon(lab) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def places(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(lab, tmp_path_factory.mktemp("world")) as it:
        yield it


@pytest.mark.parametrize("family", DEBUGGED)
def test_the_keys_that_a_prediction_used_are_in_the_engines_store_after_the_build(
    lab: Lab, debugged: DebugDaemon, places: World, tmp_path: Path, family: str
) -> None:
    home = tmp_path / "project"
    paths = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "home")}, os.getuid()).ensure()
    seat = Seat(paths=paths, buildctl=str(lab.tools.buildctl), workdir=tmp_path)
    places.point("project", "latest")
    missing = []
    for mutation in CHANGED:
        request = MUTATIONS[mutation](lay_out(home, FAMILIES[family], places))
        assert request is not None
        told = seat.predict(debugged, request, (), debugged.root)
        built = seat.build(debugged, request, f"{family}-{mutation}".replace(" ", "-"), fresh=False)
        assert built.error == ""
        keys = {record_key(key.digest, 0) for key in told.keys.values() if key}
        keys |= {record_key(digest, -1) for digest in told.contents.values()}
        wait_until(functools.partial(_has, debugged, keys), 30)
        missing += [f"{mutation}: {key}" for key in keys - _stored(debugged)]
    assert missing == []


def _has(daemon: DebugDaemon, keys: set[str]) -> bool:
    return keys <= _stored(daemon)


def _stored(daemon: DebugDaemon) -> set[str]:
    """The digests of all records, and of the keys that lead to them."""
    records = daemon.store()
    links = (link for record in records for link in record.get("parents") or ())
    return {str(record["digest"]) for record in (*records, *links) if "digest" in record}
