"""A program is downloaded without encryption.

## What it finds
`curl` or `wget` of an `http://` address in a RUN that checks neither a checksum nor a signature.

## Why
Anyone on the way can replace the file, and the cache then serves the replaced one to every build.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLo /usr/local/bin/tool http://downloads.example.com/tool-1.2
```
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLo /usr/local/bin/tool https://downloads.example.com/tool-1.2
```

## When this is wrong
Within a network that you trust; addresses of the machine itself are left alone.

## Fix safety
No fix: whether the server speaks HTTPS is not known here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB508"
LEVEL = Level.WARNING

_CHECKED = re.compile(r"sha\d+sum|md5sum|gpg|shasum|cosign|minisign|openssl dgst")
_PLAIN = re.compile(
    r"[\"']?http://(?!localhost|127\.|0\.0\.0\.0|\[::1\]|[\w-]+(:\d+)?(/|$)|host\.docker\.internal)(\S+)"
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN with such a download."""
    for step in subject.runs:
        text = step.instruction.text
        if "http://" not in text or _CHECKED.search(text):
            continue
        for action in actions(step):
            address = next((name for name in action.names if _PLAIN.match(name)), None)
            if action.kind is Kind.FETCH and address:
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"{address.strip(chr(34))} comes unencrypted and unchecked",
                    hint="use https, or check a checksum in the same RUN",
                )
                break
