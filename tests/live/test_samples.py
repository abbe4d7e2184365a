"""Every sample application, built for real in both orders, and what a code change then runs again."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.lab.languages import add_languages, families_of
from tests.samples import SAMPLES, change, lay_out

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.samples import Sample

# The first run on a machine makes the base images.
pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_both_orders_build_and_the_good_one_keeps_its_packages_after_a_code_change(
    lab: Lab, daemon: Buildkitd, tmp_path: Path, sample: Sample
) -> None:
    families = families_of((sample.folder / "Dockerfile.bad").read_text())
    add_languages(lab.registry_server, lab.tools, families)
    bad = lay_out(sample, "bad", tmp_path / "bad")
    good = lay_out(sample, "good", tmp_path / "good")
    # Side by side: half of an installation is waiting for the network.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(daemon.build, (bad, good)))
    change(sample, good)
    again = daemon.build(good)
    assert sample.reinstalls in cached(again)
    assert sample.reinstalls not in ran(again)


def cached(progress: str) -> str:
    """The instructions that buildctl's plain progress calls CACHED, one a line."""
    return instructions(progress, r"CACHED")


def ran(progress: str) -> str:
    """The instructions that were executed."""
    return instructions(progress, r"DONE [\d.]+s")


def instructions(progress: str, end: str) -> str:
    names = dict(re.findall(r"(?m)^#(\d+) \[[^\]]*?\d+/\d+\] (.*)$", progress))
    numbers = re.findall(rf"(?m)^#(\d+) {end}$", progress)
    return "\n".join(names[number] for number in numbers if number in names)
