from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from fastbuild.aside import aside


def test_two_calls_run_at_the_same_time() -> None:
    first, second = threading.Event(), threading.Event()
    one = aside(lambda: first.set() or second.wait(10))
    other = aside(lambda: second.set() or first.wait(10))
    assert (one(), other()) == (True, True)


def test_what_a_call_raises_is_raised_where_its_result_is_wanted() -> None:
    result = aside(lambda: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        result()


@pytest.mark.live
def test_the_program_ends_while_a_call_still_runs() -> None:
    before = time.monotonic()
    text = "import time; from fastbuild.aside import aside; aside(lambda: time.sleep(60))"
    subprocess.run([sys.executable, "-c", text], check=True, timeout=50)
    assert time.monotonic() - before < 50
