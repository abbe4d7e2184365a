"""A stage that nothing needs.

## What it finds
A stage that the last one neither builds on nor copies from. For a named stage that may be meant: `--target`
builds it.

## Why
BuildKit leaves such stages out without a word. An unnamed one is dead text, or a forgotten `COPY --from`;
people wait for its effects in vain.

## Example
```dockerfile
FROM golang:1.24
RUN go install example.com/tool@v1.0.0

FROM debian:bookworm-slim
CMD ["tool"]
```
```dockerfile
FROM golang:1.24 AS tools
RUN go install example.com/tool@v1.0.0

FROM debian:bookworm-slim
COPY --from=tools /go/bin/tool /usr/local/bin/tool
CMD ["tool"]
```

## When this is wrong
For stages that are built with `--target`, by Compose or by Bake. Files with several of these, and names
such as `test`, are left alone.

## Fix safety
No fix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import built, uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB407"
LEVEL = Level.INFO

_TARGETS = re.compile(
    r"test|lint|dev|debug|check|ci|doc|bench|cov|format|fmt|valid|vendor|generat|release|prod|cross|shell"
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each stage that no other needs, except the last."""
    if len(subject.stages) < 2 or any("$" in facts.stage.base for facts in subject.stages):
        return
    needed = built(subject, len(subject.stages) - 1)
    used = {index for facts in subject.stages for index in uses(subject, facts)}
    leaves = [facts for facts in subject.stages if facts.stage.index not in needed | used]
    named = [facts for facts in leaves if facts.stage.name]
    for facts in leaves:
        name = facts.stage.name
        if name and (subject.stages[-1].stage.name or len(named) > 1 or _TARGETS.search(name)):
            continue
        what = f"the stage {name} is only built with --target={name}" if name else "this stage is never built"
        yield about(facts.steps[0], CODE, LEVEL, what, hint="remove it, or copy from it")
