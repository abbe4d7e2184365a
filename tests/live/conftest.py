from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner


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
