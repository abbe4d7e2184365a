from __future__ import annotations

from fastbuild.commands.replay_real import evenly


def test_samples_are_spread_evenly_with_both_ends() -> None:
    assert evenly(101, 5) == [0, 25, 50, 75, 100]
    assert evenly(4, 9) == [0, 1, 2, 3]
    for count in range(2, 40):
        for wanted in range(2, count + 1):
            found = evenly(count, wanted)
            assert len(found) == wanted
            assert (found[0], found[-1]) == (0, count - 1)
