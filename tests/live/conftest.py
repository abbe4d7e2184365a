from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.builders import environment
from tests.live.dockerd import dockerd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.live.dockerd import Dockerd


@pytest.fixture
def runner(lab: Lab) -> Iterator[Runner]:
    """A machine that has built nothing yet."""
    with lab.runner() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def warm(lab: Lab) -> Iterator[Runner]:
    """A machine shared by a module's tests, for those that don't care what it built before."""
    with lab.runner() as shared:
        yield shared


@pytest.fixture
def new_daemon(lab: Lab) -> Iterator[Buildkitd]:
    """A buildkitd that has built nothing yet."""
    with lab.buildkitd() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def daemon(lab: Lab) -> Iterator[Buildkitd]:
    """A buildkitd shared by a module's tests."""
    with lab.buildkitd() as shared:
        yield shared


@pytest.fixture(scope="module")
def docker_engine(lab: Lab) -> Iterator[Dockerd]:
    """A docker engine shared by a module's tests; skips them where none can run."""
    with dockerd(lab.registry) as shared:
        yield shared


@pytest.fixture(params=["private", "buildctl", "buildx"])
def engine(request: pytest.FixtureRequest, new_daemon: Buildkitd, runner: Runner) -> dict[str, str]:
    """The environment that makes fastbuild use an engine: the test runs once with each."""
    return environment(str(request.param), new_daemon, runner)
