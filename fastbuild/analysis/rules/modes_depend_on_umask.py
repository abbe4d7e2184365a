"""The copied files' modes depend on the machine that checked them out.

## What it finds
A COPY or ADD from the context that brings files or directories which the group may write (0664, 0775).

## Why
Mode bits are part of a COPY's key. git stores only the executable bit; the rest comes from the umask of
whoever checked out. A runner with umask 022 and a laptop with 002 never share a cache, though every byte is
equal. `COPY --chmod` does not help: the mode in the source stays in the key.

## Example
```context
main.py 100 0664
```
```dockerfile
FROM python:3.13-slim
COPY main.py /app/
```
```context
main.py 100 0644
```
```dockerfile
FROM python:3.13-slim
COPY main.py /app/
```

## When this is wrong
When every machine that builds uses the same umask.

## Fix safety
No fix: set `umask 022` before the checkout on every machine, or run `chmod -R g-w` on the checkout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.brought import copied
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB114"
LEVEL = Level.INFO

GROUP_WRITE = 0o020


def check(subject: Subject) -> Iterator[Finding]:
    """One finding, at the first COPY that brings such files."""
    if subject.context is None or not any(f.mode & GROUP_WRITE for f in subject.context.files().values()):
        return
    for step in subject.steps():
        files = [f for f in copied(subject, step) if f.mode & GROUP_WRITE and f.kind in ("file", "directory")]
        if files:
            first = min(files, key=lambda file: file.path)
            yield about(
                step,
                CODE,
                LEVEL,
                f"{_count(len(files))} writable by the group ({first.path}: {first.mode:04o}), and "
                "the mode is in the key: machines with umask 022 miss",
                hint="use umask 022 for every checkout; --chmod leaves the source's mode in the key",
            )
            return


def _count(number: int) -> str:
    return "1 copied entry is" if number == 1 else f"{number} copied entries are"
