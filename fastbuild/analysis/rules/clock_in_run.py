"""A RUN bakes the clock or a random number into its layer.

## What it finds
`date`, `$RANDOM`, `uuidgen` and `/dev/urandom` in a RUN whose output is kept in a file or variable.

## Why
The key of a RUN does not hold the time. From the cache, the layer keeps the date of its first build; when
it does run again, its bytes differ though nothing else did, so COPY --from of it misses and the image gets
a new digest.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN date > /build-date
```
```dockerfile
FROM debian:bookworm-slim
ARG BUILD_DATE
RUN echo "$BUILD_DATE" > /build-date
```

## When this is wrong
When the date only goes to the log, or serves as a scratch value within the same RUN.

## Fix safety
No fix: pass the value as a build argument, as late as possible, or as a label.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB106"
LEVEL = Level.INFO

_MENTIONS = re.compile(r"(?<![\w-])date\b|\$\{?RANDOM\b|\buuidgen\b")
_FIXED = ("-d", "--date", "-r", "--reference", "-s", "SOURCE_DATE_EPOCH")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that reads the clock or draws a number."""
    for step in subject.runs:
        text = step.instruction.text
        if not ("date" in text or "RANDOM" in text or "uuidgen" in text):
            continue
        if _MENTIONS.search(text) and (what := _reads(step)):
            yield about(
                step,
                CODE,
                LEVEL,
                f"{what} is not in this RUN's key: from the cache it is old, and each run gives other bytes",
                hint="pass the value as a late ARG or put it into a LABEL",
            )


def _reads(step: Step) -> str:
    text = step.instruction.text
    if "RANDOM" in step.script.variables:
        return "$RANDOM"
    for action in actions(step):
        name = action.call.name
        if name not in ("date", "uuidgen"):
            continue
        kept = action.call.redirects or re.search(rf"(\$\(|`)\s*(\S*/)?{name}\b", text)
        if name == "uuidgen" and kept:
            return "the output of uuidgen"
        if name == "date" and kept and not any(each in word for word in action.args for each in _FIXED):
            return "the output of date"
    return ""
