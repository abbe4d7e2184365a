"""Work in threads that never hold up the end of the program.

`concurrent.futures` waits for its threads when the interpreter ends, so an interrupted build would wait for a
silent server or a large file.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def aside(call: Callable[[], T]) -> Callable[[], T]:
    """Begin `call` in a thread. The function returned waits for its result, or raises what it raised."""
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(call())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> T:
        thread.join()
        if raised:
            raise raised[0]
        return returned[0]

    return result
