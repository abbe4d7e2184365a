"""Files in which a tool keeps its own time and pace: they tell of the build, not of the image.

Only the tool that writes them reads them, to be faster or to remind; two builds of one Dockerfile may differ
in them at any moment, though two given ones happen to agree. They are told, never weighed.
"""

from __future__ import annotations

import re

_OWN = re.compile(
    r"/var/cache/ldconfig/aux-cache"  # inodes and ctimes of libraries
    r"|(.*/)?\.npm/_logs/[^/]+-debug-\d+\.log"  # every request with its milliseconds, in the order of answers
    r"|(.*/)?\.npm/_update-notifier-last-checked"  # made only if the registry answered before the end
    r"|/tmp/v8-compile-cache-\d+/.*"  # compiled code of programs such as yarn, which V8 checks before use
)


def is_own(path: str) -> bool:
    """Whether a path is such a file.

    Sources: ldconfig(8), https://docs.npmjs.com/cli/using-npm/logging, npmjs.com/package/v8-compile-cache.
    """
    return _OWN.fullmatch(path) is not None
