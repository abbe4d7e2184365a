"""A broad COPY brings files that no image needs.

## What it finds
A COPY of the whole context, while the context holds dependencies, build output, caches or logs
(`node_modules`, `target`, `.venv`, `__pycache__`, `*.log`, …) that the ignore file doesn't leave out.

## Why
They are read, compared and sent with every build, make the layer larger, and each of their changes runs
everything below the COPY again. Copied `node_modules` or `.venv` even replace what was installed inside.

## Example
```context
app.py 900
__pycache__/app.cpython-313.pyc 1200
```
```dockerfile
FROM python:3.13-slim
COPY . /app
```
```context
app.py 900
```
```dockerfile
FROM python:3.13-slim
COPY . /app
```

## When this is wrong
When the image is made of files that were built outside, such as a `dist` or `target` directory. The rule
names a directory only if nothing else in the Dockerfile mentions it, and `dist` or `build` only if a step
here builds.

## Fix safety
Safe for caches and editors' files (`__pycache__`, `.pytest_cache`, `.idea`, …): lines are added to
`.dockerignore`, and the image loses just these. Installed packages and build output are left to you.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about, ignoring
from fastbuild.analysis.brought import is_everything
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Cost, Level
from fastbuild.analysis.numbers import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Context, Subject
    from fastbuild.context.tree import ContextFile

CODE = "FB201"
LEVEL = Level.WARNING

_JUNK = {
    **dict.fromkeys(
        ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis"), True
    ),
    **dict.fromkeys((".idea", ".vscode", ".DS_Store", ".ipynb_checkpoints"), True),
    **dict.fromkeys(
        ("node_modules", ".venv", "venv", ".gradle", ".next", ".nuxt", ".svelte-kit", "coverage"), False
    ),
    **dict.fromkeys(("target", "dist"), False),
}
"""Names, and whether leaving them out is surely right."""
_NODE = ("package.json",)
_PROOFS = {
    "target": ("Cargo.toml", "pom.xml", "build.sbt"),
    **dict.fromkeys(("dist", "coverage", ".next", ".nuxt", ".svelte-kit", "node_modules"), _NODE),
    "venv": ("venv/pyvenv.cfg",),
    ".venv": (".venv/pyvenv.cfg",),
}
"""What must lie beside or in such a directory."""
_OUTPUT = frozenset({"target", "dist", ".next", ".nuxt", ".svelte-kit"})
_INSTALLED = frozenset({"node_modules", ".venv", "venv"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding, at the first COPY of everything."""
    context = subject.context
    step = next((step for step in subject.steps() if is_everything(step)), None)
    if context is None or step is None:
        return
    sizes = _junk(context)
    named = {name: size for name, size in sizes.items() if _is_unwanted(subject, name)}
    if not named:
        return
    listed = ", ".join(
        f"{name} ({size_text(size)})" for name, size in sorted(named.items(), key=lambda n: -n[1])[:6]
    )
    patterns = tuple(f"**/{name}" for name in sorted(named) if _JUNK.get(name))
    name, _ = context.ignore_file() or (".dockerignore", "")
    yield about(
        step,
        CODE,
        LEVEL,
        f"the whole context is copied, and with it {listed}",
        hint=f"leave them out in {name}",
        cost=Cost(size=sum(named.values())),
        fix=ignoring(context, patterns, f"add {len(patterns)} lines to {name}"),
    )


def _junk(context: Context) -> dict[str, int]:
    """Bytes below the first well-known name of each path."""
    found: dict[str, int] = {}
    files = context.files()
    for path, file in files.items():
        parts = path.split("/")
        name = next((part for at, part in enumerate(parts) if _is_junk(files, parts[:at], part)), None)
        if name is None and parts[-1].endswith(".log") and file.kind == "file":
            name = "*.log"
        if name is not None and (file.kind != "directory"):
            found[name] = found.get(name, 0) + file.size
    return found


def _is_junk(files: Mapping[str, ContextFile], above: list[str], name: str) -> bool:
    """Whether a directory of this name is what it seems to be, as its neighbours tell."""
    if name not in _JUNK:
        return False
    proofs = _PROOFS.get(name, ())
    return not proofs or any("/".join((*above, proof)) in files for proof in proofs)


def _is_unwanted(subject: Subject, name: str) -> bool:
    if name == "*.log":
        return True
    mention = re.compile(rf"(^|[\s/\"'=]){re.escape(name)}($|[\s/\"',])")
    local = [
        step
        for step in subject.steps()
        if step.keyword in ("COPY", "ADD") and not step.instruction.flag("from")
    ]
    if any(mention.search(step.instruction.text) for step in local):
        return False
    if name in _OUTPUT:
        return _has(subject, Kind.BUILD)
    return name not in _INSTALLED or _has(subject, Kind.INSTALL)


def _has(subject: Subject, kind: Kind) -> bool:
    return any(action.kind is kind for step in subject.steps() for action in actions(step))
