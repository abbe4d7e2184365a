"""ADD where COPY is meant.

## What it finds
ADD of plain files or of the context, without an address, a git reference or an archive among its sources.

## Why
ADD unpacks every archive it meets, by content and not by name. A file that one day happens to be an archive
arrives as its members. COPY does what it says.

## Example
```dockerfile
FROM debian:bookworm-slim
ADD app.conf /etc/app.conf
```
```dockerfile
FROM debian:bookworm-slim
COPY app.conf /etc/app.conf
```

## When this is wrong
Never for the image. The key of the step changes once.

## Fix safety
Safe: for files that are no archives, COPY and ADD give the same layer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.brought import REMOTE, normal
from fastbuild.analysis.finding import Edit, Fix, Level, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB204"
LEVEL = Level.INFO

_PLAIN = re.compile(
    r".*\.(py|js|ts|rb|php|sh|go|rs|java|c|h|txt|md|json|ya?ml|toml|ini|cfg|conf|xml|html|css|sql|env|repo|list|pem|crt|key"
    r"|service|properties|mod|sum|lock|j2|tmpl)$"
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such ADD."""
    for step in subject.steps():
        if step.keyword != "ADD" or not step.sources or step.instruction.flag("unpack") is not None:
            continue
        if all(_is_plain(subject, source) for source in step.sources):
            yield about(
                step,
                CODE,
                LEVEL,
                "ADD unpacks archives and fetches addresses; these are plain files",
                hint="write COPY",
                fix=_with_copy(step),
            )


def _with_copy(step: Step) -> Fix:
    source = step.instruction.source
    blanks = len(source) - len(source.lstrip())
    text = source[:blanks] + "COPY" + source[blanks + len("ADD") :]
    edit = Edit(start=step.instruction.start, end=step.instruction.end, text=text)
    return Fix(title="write COPY", safety=Safety.SAFE, edits=(edit,))


def _is_plain(subject: Subject, source: str) -> bool:
    if not source or REMOTE.match(source) or "$" in source:
        return False
    path = normal(source)
    if path == "" or _PLAIN.match(path):
        return source != "*"
    entry = subject.context.files().get(path) if subject.context else None
    return entry is not None and entry.kind == "directory"
