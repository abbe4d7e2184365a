"""The container runs as root.

## What it finds
A final stage with a CMD or ENTRYPOINT whose last USER is root, or that has no USER on an official image
whose user is root.

## Why
A hole in the program is then root within the container, and one step from the host. Files it writes to
mounted directories belong to root.

## Example
```dockerfile
FROM python:3.13-slim
COPY app.py /
CMD ["python", "/app.py"]
```
```dockerfile
FROM python:3.13-slim
COPY app.py /
USER 1000
CMD ["python", "/app.py"]
```

## When this is wrong
When the entry point gives up root by itself (`gosu`, `su-exec`, `setpriv`; the rule looks for them), when
root is mapped to another user, or for tools that must manage the system. Images without a command are left
alone: they only carry files.

## Fix safety
No fix: the program may write where only root can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.bases import RUNS_AS_ROOT, image
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import chain, root_base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB501"
LEVEL = Level.INFO

_GIVES_UP = re.compile(r"gosu|su-exec|setpriv|s6-|runuser|chroot --userspec")
_ROOT = re.compile(r"(root|0)(:.*)?")


def check(subject: Subject) -> Iterator[Finding]:
    """At most one finding: at the USER that makes it root, else at the last stage's FROM."""
    final = subject.final
    if final is None:
        return
    steps = tuple(chain(subject, final))
    if not any(step.keyword in ("CMD", "ENTRYPOINT") for step in steps):
        return
    if any(_GIVES_UP.search(step.instruction.text) for step in steps):
        return
    users = [step for step in steps if step.keyword == "USER"]
    if users:
        if _ROOT.fullmatch(final.after.user):
            hint = "end with another USER"
            yield about(users[-1], CODE, Level.WARNING, "the container runs as root", hint=hint)
        return
    base = image(root_base(subject, final))
    if root_base(subject, final) == "scratch" or (base and base.is_official and base.path in RUNS_AS_ROOT):
        yield about(
            final.steps[0],
            CODE,
            LEVEL,
            "no USER is set, so the container runs as root",
            hint="add a USER (a number works without an entry in /etc/passwd)",
        )
