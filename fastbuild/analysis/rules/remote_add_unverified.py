"""ADD takes what an address delivers, unchecked.

## What it finds
ADD of an address without `--checksum`, and ADD of a git repository without a tag or commit.

## Why
Whoever controls the server, or the way to it, controls the image. With a checksum a different file fails
the build, and BuildKit asks the server only once: without one it asks on every build.

## Example
```dockerfile
FROM debian:bookworm-slim
ADD https://example.com/tool-1.2.tar.gz /opt/
```
```dockerfile
FROM debian:bookworm-slim
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 \\
    https://example.com/tool-1.2.tar.gz /opt/
```

## When this is wrong
When the file is checked by a later RUN (the rule can't see that for sure), or is meant to change.

## Fix safety
No fix: the checksum must come from the publisher, not from what was downloaded today.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB505"
LEVEL = Level.WARNING

_GIT = re.compile(r"(git@|git://|ssh://)|https?://[^#?]*\.git(#|\?|$)|github\.com/")
_ADDRESS = re.compile(r"(https?|ftp)://")
_BRANCHES = frozenset({"", "main", "master", "develop", "HEAD"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such source."""
    for step in subject.steps():
        if step.keyword != "ADD" or step.instruction.flag("checksum") is not None:
            continue
        written = [word for word in step.instruction.words[:-1] if not word.startswith("<<")]
        for source, word in zip(step.sources, written, strict=True):
            if _GIT.match(source):
                ref = source.partition("#")[2].partition(":")[0]
                if ref in _BRANCHES and "?" not in source:
                    message = f"{word} is the newest commit of a branch"
                    yield about(step, CODE, Level.INFO, message, hint="add #<tag or commit>")
            elif _ADDRESS.match(source):
                message = f"nothing checks what {word.partition('?')[0]} delivers"
                yield about(step, CODE, LEVEL, message, hint="add --checksum=sha256:…")
