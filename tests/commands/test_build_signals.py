from __future__ import annotations

import signal
import time

import pytest

from fastbuild.commands import interrupts
from fastbuild.errors import Interrupted

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_not_lost_in_a_finalizer(number: signal.Signals) -> None:
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(Interrupted) as raised, interrupts.signals():
            _lose_one(number)
    finally:
        for which, handler in handlers.items():
            signal.signal(which, handler)
    assert raised.value.exit_code == 128 + number
