from __future__ import annotations

import signal
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from fastbuild.commands import interrupts
from fastbuild.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.live  # real signals


class Swallows:
    """Its finalizer gets the signal, and Python drops what is raised there."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __del__(self) -> None:
        signal.raise_signal(self._number)


def _lose_one(number: signal.Signals) -> None:
    Swallows(number)
    time.sleep(5)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_not_lost_in_a_finalizer(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as raised, interrupts.signals():
        _lose_one(number)
    assert raised.value.exit_code == 128 + number


@pytest.mark.parametrize("made", [False, True])
def test_an_interrupt_while_a_directory_is_made_leaves_none(
    made: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also none of the files by which Python tries out where directories can be made."""
    mkdtemp = tempfile.mkdtemp

    def interrupted(*args: str) -> str:
        if not made:
            signal.raise_signal(signal.SIGINT)
        name = mkdtemp(*args)
        if made:
            signal.raise_signal(signal.SIGINT)
        return name

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    with pytest.raises(Interrupted), interrupts.signals(), interrupts.workdir():
        pytest.fail("the interrupt was lost")
    assert list(tmp_path.iterdir()) == []
