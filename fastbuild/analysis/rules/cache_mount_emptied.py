"""A cache mount is emptied, or switched off, by the step that uses it.

## What it finds
A RUN with a cache mount whose commands delete what lies in it (`rm -rf /var/lib/apt/lists/*`, `apt-get
clean`, `npm cache clean`), or tell the tool not to use its cache (`pip --no-cache-dir`, `apk --no-cache`).

## Why
What lies in a mount is not part of the image: cleaning it saves no byte, and the next build starts with an
empty cache. Cleaning is right without a mount, and wrong with one.

## Example
```dockerfile
FROM python:3.13-slim
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir -r requirements.txt
```
```dockerfile
FROM python:3.13-slim
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## When this is wrong
When only part of the mount is deleted, to bound its growth.

## Fix safety
No fix: which of the two you meant is yours to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import cache_mounts, cache_of, covers, is_mounted
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB110"
LEVEL = Level.WARNING

_WHOLE = frozenset({"/var/lib/apt/lists", "/var/cache/apt/archives", "/var/cache/apt"})
"""What is all of value in a mount on a directory above."""
_EMPTYING = {
    "npm": ("clean",),
    "yarn": ("clean",),
    "pip": ("purge",),
    "uv": ("clean", "prune"),
    "dnf": ("all", "packages", "metadata"),
    "yum": ("all", "packages", "metadata"),
}


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that works against its own mount."""
    for step in subject.runs:
        if "type=cache" in step.instruction.text:
            mounts = cache_mounts(step)
            for action in actions(step):
                what = _against(step, action, mounts)
                if what:
                    yield about(
                        step, CODE, LEVEL, what, hint="leave it out: what lies in a mount is not in the image"
                    )
                    break


def _against(step: Step, action: Action, mounts: tuple[str, ...]) -> str:
    name = action.call.name
    if name == "rm":
        for word in action.call.words[1:]:
            path = word.text.strip("\"'").removesuffix("/*").removesuffix("/")
            within = path in _WHOLE and _on(mounts, path)
            if path.startswith("/") and (within or any(covers(path, mount) for mount in mounts)):
                return f"`rm` empties the cache mount {path}"
        return ""
    if action.tool == "apt" and action.kind is Kind.CLEAN and action.has("clean"):
        return "`apt-get clean` empties the cache mount" if _on(mounts, "/var/cache/apt") else ""
    if action.kind is Kind.CLEAN and set(_EMPTYING.get(action.tool, ())) & set(action.call.args):
        return f"`{name}` empties its own cache mount" if is_mounted(step, action) else ""
    if _is_off(step, action) and any(covers(m, c) for m in mounts for c in cache_of(step, action)):
        return f"{action.tool} is told not to use the cache that is mounted for it"
    return ""


def _on(mounts: tuple[str, ...], path: str) -> bool:
    return any(covers(mount, path) for mount in mounts)


def _is_off(step: Step, action: Action) -> bool:
    if action.kind is not Kind.INSTALL:
        return False
    if action.tool == "pip":
        off = (step.scope.values.get("PIP_NO_CACHE_DIR") or "").lower() in ("1", "true", "yes", "on", "off")
        return action.has("--no-cache-dir", "--no-cache") or off
    if action.tool == "apk":
        return action.has("--no-cache")
    return action.tool == "uv" and (
        action.has("--no-cache", "-n") or bool(step.scope.values.get("UV_NO_CACHE"))
    )
