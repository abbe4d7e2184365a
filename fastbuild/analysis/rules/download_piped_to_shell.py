"""A download is executed unread.

## What it finds
`curl … | sh`, `wget … | bash`, `bash <(curl …)` and `sh -c "$(curl …)"` where the address holds no version
or commit.

## Why
The server decides at each run what is executed as root, with no version and no checksum; the cached layer
keeps what it was on the first day, so two builders differ. A connection that breaks midway runs half a
script.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSL https://example.com/install.sh | sh
```
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLo tool https://example.com/v1.4.2/tool \\
    && echo "0123abcd  tool" | sha256sum -c - \\
    && install tool /usr/local/bin/
```

## When this is wrong
When the publisher offers nothing else and you trust the server. An address with a version is left alone.

## Fix safety
No fix.
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

CODE = "FB506"
LEVEL = Level.WARNING

_PIPED = re.compile(
    r"\b(curl|wget)\b([^|;&\n]|\\\n|&(?!&))*\|\s*(sudo\s+(-\S+\s+)*)?(env\s+(\S+=\S+\s+)*)?(\S*/)?(ba|z|da|a)?sh\b(?![./-])"
    r"|\b(ba|z)?sh\s+<\(\s*(curl|wget)\b[^)]*\)"
    r"|\b(ba|z|da)?sh\s+-c\s+[\"']?\$\((curl|wget)\b[^)]*\)"
)
_VERSIONED = re.compile(r"https?://\S*(v?\d+\.\d+|[0-9a-f]{40}|\$\{?\w*VERSION)", re.IGNORECASE)
_CHECKED = re.compile(r"\b(https?://\S+)")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that executes a download."""
    for step in subject.runs:
        text = step.instruction.text
        if "sh" not in text or not ("curl" in text or "wget" in text):
            continue
        match = _PIPED.search(text)
        if match and not _VERSIONED.search(match[0]):
            address = _CHECKED.search(match[0])
            yield about(
                step,
                CODE,
                LEVEL,
                f"whatever {address[1].strip(chr(34)) if address else 'the server'} delivers is executed",
                hint="download a version, check its checksum, then run it",
            )
