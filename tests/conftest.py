"""Unit tests can't start programs or open sockets; the real things are behind the `live` marker."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _outside_world_is_locked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("live"):
        return

    def refuse(*args: Any, **_: Any) -> None:
        pytest.fail(f"a unit test reached outside: {args!r}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip live tests, with one line that says why, where containers can't run; fail where required."""
    live = [item for item in items if item.get_closest_marker("live")]
    chosen = config.getoption("-m")
    if not live or chosen == "not live":
        return
    from tests.lab.runner import can_run_containers

    possible, reason = can_run_containers()
    if possible:
        return
    if os.environ.get("FASTBUILD_REQUIRE_LIVE"):
        pytest.exit(f"{len(live)} live tests are required, but can't run here: {reason}", returncode=1)
    config.stash[SKIPPED] = f"{len(live)} live tests skipped: {reason}"
    for item in live:
        item.add_marker(pytest.mark.skip(reason=reason))


SKIPPED = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line for all skipped live tests."""
    if SKIPPED in config.stash:
        terminalreporter.write_line(config.stash[SKIPPED])


@pytest.fixture(scope="session")
def lab() -> Iterator[Any]:
    """The lab: real S3, registry with bases, tools; started once."""
    from tests.lab.lab import lab as start

    with start() as running:
        yield running
