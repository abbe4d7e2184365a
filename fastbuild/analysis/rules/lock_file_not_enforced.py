"""An install that may differ from the lock file.

## What it finds
`npm install`, `yarn install`, `pnpm install`, `bun install`, `uv sync` or `bundle install` without the
option that enforces the lock file, while the context has one.

## Why
Without it the tool may resolve newer versions, whose result the cache then keeps: a warm builder has last
month's dependencies, a fresh runner today's. `npm ci` is also faster.

## Example
```context
package.json 300
package-lock.json 9000
```
```dockerfile
FROM node:22-slim
COPY package.json package-lock.json ./
RUN npm install
```
```context
package.json 300
package-lock.json 9000
```
```dockerfile
FROM node:22-slim
COPY package.json package-lock.json ./
RUN npm ci
```

## When this is wrong
When the lock file belongs to another part of the repository, or the image is meant to resolve afresh.

## Fix safety
Unsafe: if the lock file is out of step with the manifest, the enforcing command fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions, mentions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB305"
LEVEL = Level.INFO

_TOOLS = frozenset({"npm", "yarn", "pnpm", "bun", "uv", "bundle", "bundler"})
_ENFORCED = {
    "npm": (("package-lock.json", "npm-shrinkwrap.json"), ("ci", "clean-install"), "npm ci"),
    "yarn": (
        ("yarn.lock",),
        ("--frozen-lockfile", "--immutable"),
        "--frozen-lockfile (--immutable from yarn 2 on)",
    ),
    "pnpm": (("pnpm-lock.yaml",), ("--frozen-lockfile", "fetch", "ci", "--offline"), "--frozen-lockfile"),
    "bun": (("bun.lock", "bun.lockb"), ("--frozen-lockfile", "ci"), "--frozen-lockfile"),
    "uv": (("uv.lock",), ("--frozen", "--locked"), "--locked"),
    "bundle": (("Gemfile.lock",), ("--frozen", "--deployment"), "BUNDLE_FROZEN=1"),
}
_VARIABLES = (
    "CI",
    "UV_FROZEN",
    "UV_LOCKED",
    "BUNDLE_FROZEN",
    "BUNDLE_DEPLOYMENT",
    "npm_config_frozen_lockfile",
)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such install."""
    if subject.context is None:
        return
    present = {path.rpartition("/")[2] for path in subject.context.files() if "node_modules/" not in path}
    for step in subject.runs:
        if not mentions(step, _TOOLS):
            continue
        for action in actions(step):
            if action.manifests and not action.names and _is_loose(step, action, present):
                option = _ENFORCED[action.tool][2]
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"{action.tool} may install other versions than the lock file's, "
                    "and the cache keeps them",
                    hint=f"use {option}",
                )


def _is_loose(step: Step, action: Action, present: set[str]) -> bool:
    if action.kind is not Kind.INSTALL or action.tool not in _ENFORCED:
        return False
    files, options, _ = _ENFORCED[action.tool]
    assigned = {name for name, _ in action.call.assignments}
    switched = any(name in step.scope.values or name in assigned for name in _VARIABLES)
    config = action.tool == "bundle" and "bundle config" in step.instruction.text
    return not switched and not config and bool(present & set(files)) and not action.has(*options)
