"""An instruction adds a large layer.

## What it finds
The instructions of the final image whose layers were measured at 100 MB or more, the three largest of them.

## Why
Each fresh machine pulls every layer, and the cache stores it. A large one at the bottom of the file is
pulled again whenever something above it changed.

## Example
```measured
3 20.0 400000000
```
```dockerfile
FROM debian:bookworm-slim
WORKDIR /models
RUN fetch-models
```
```measured
3 20.0 4000000
```
```dockerfile
FROM debian:bookworm-slim
WORKDIR /models
RUN fetch-models
```

## When this is wrong
When the image needs the data. The numbers are the layers' sizes in the newest recorded builds that know them:
compressed if the build wrote an image, else unpacked.

## Fix safety
No fix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.estimates import size_cost
from fastbuild.analysis.finding import Level
from fastbuild.analysis.numbers import size_text
from fastbuild.analysis.reach import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB601"
LEVEL = Level.INFO

_LARGE = 100_000_000


def check(subject: Subject) -> Iterator[Finding]:
    """At most three findings; none without recorded builds."""
    if not subject.measured or subject.final is None:
        return
    sized = [
        (step, size_cost(subject, step)) for step in chain(subject, subject.final) if step.keyword != "FROM"
    ]
    large = [(step, cost) for step, cost in sized if cost.size is not None and cost.size >= _LARGE]
    for step, cost in sorted(large, key=lambda each: -(each[1].size or 0))[:3]:
        yield about(
            step,
            CODE,
            LEVEL,
            f"this layer holds {size_text(cost.size or 0)}",
            hint="look for caches, build tools and duplicates in it",
            cost=cost,
        )
