"""Development dependencies reach the final image.

## What it finds
`npm ci`, `npm install`, `yarn install` or `pnpm install` of everything in a shipped stage, while
`package.json` has devDependencies.

## Why
Compilers, bundlers and test frameworks often are the larger part of `node_modules`. They are not needed to
run, and their advisories are reported against your image.

## Example
```context
package.json 400 0644 {"devDependencies": {"typescript": "5"}}
```
```dockerfile
FROM node:22-slim
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
CMD ["node", "server.js"]
```
```context
package.json 400 0644 {"devDependencies": {"typescript": "5"}}
```
```dockerfile
FROM node:22-slim
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev
CMD ["node", "server.js"]
```

## When this is wrong
For images made for development or tests; stages with such names are left alone.

## Fix safety
No fix: build with all dependencies in one stage, install with `--omit=dev` in the final one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import actions, mentions
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB408"
LEVEL = Level.INFO

_TOOLS = frozenset({"npm", "yarn", "pnpm"})
_OMITTING = re.compile(r"--omit[= ]dev|--production|--prod\b|--only[= ]prod|-P\b|\bprune\b|workspaces focus")
_FOR_DEVELOPERS = re.compile(r"dev|test|ci|lint|debug")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such install."""
    if subject.final is None or _FOR_DEVELOPERS.search(subject.final.stage.name):
        return
    for facts in shipped(subject):
        for step in facts.runs:
            if mentions(step, _TOOLS) and _has_any(subject):
                action = next((action for action in actions(step) if _installs_all(step, action)), None)
                if action:
                    yield about(
                        step,
                        CODE,
                        LEVEL,
                        f"{action.tool} installs development dependencies into the final image",
                        hint="use --omit=dev (npm), --prod (pnpm) or --production (yarn) in the final stage",
                    )


def _has_any(subject: Subject) -> bool:
    raw = subject.context.read("package.json") if subject.context else None
    return bool(re.search(rb'"devDependencies"\s*:\s*\{\s*"', raw or b""))


def _installs_all(step: Step, action: Action) -> bool:
    if action.tool not in ("npm", "yarn", "pnpm") or not action.manifests or action.names:
        return False
    assigned = dict(action.call.assignments)
    production = step.scope.values.get("NODE_ENV") == "production" or "NODE_ENV" in assigned
    return not production and not _OMITTING.search(step.instruction.text)
