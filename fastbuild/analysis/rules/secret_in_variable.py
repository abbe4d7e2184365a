"""A secret is passed as ARG or ENV.

## What it finds
ARG with a secret's name, or ENV with a secret's name and a value.

## Why
ENV is part of the image's configuration, ARG of its history: `docker history` shows both to everyone who
can pull. And a new secret changes the key of every RUN below. `RUN --mount=type=secret` leaves no trace and
is in no key.

## Example
```dockerfile
FROM node:22-slim
ARG NPM_TOKEN
RUN npm config set //registry.npmjs.org/:_authToken=$NPM_TOKEN && npm ci
```
```dockerfile
FROM node:22-slim
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci
```

## When this is wrong
When the value is no secret: a public key, a name, a test password. Names that end in `_FILE`, `_PATH`,
`_URL` or `_NAME` are left alone.

## Fix safety
No fix: the command must read the mounted file instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB502"
LEVEL = Level.WARNING

_SECRET = re.compile(
    r"(\w+_)?(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|SECRET_?KEY|SECRET_ACCESS_KEY|PRIVATE_?KEY|CREDENTIALS?"
    r"|AUTH_?TOKEN|ACCESS_?TOKEN|SSH_KEY|DEPLOY_KEY|SECRET_TOKEN|CLIENT_SECRET|ENCRYPTION_KEY)S?",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"PUBLIC|NO_|DISABLE|ALLOW_EMPTY|RANDOM", re.IGNORECASE)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each such variable."""
    in_image = {facts.stage.index for facts in shipped(subject)}
    for step in subject.steps():
        if step.keyword not in ("ARG", "ENV"):
            continue
        for name, value in step.instruction.pairs():
            if not _SECRET.fullmatch(name) or _HARMLESS.search(name):
                continue
            if step.keyword == "ENV" and (value or "").strip("\"'").lower() in (
                "",
                "true",
                "false",
                "0",
                "1",
            ):
                continue
            where = _where(step, in_image)
            yield about(
                step,
                CODE,
                LEVEL,
                f"{name} looks like a secret and can be read in {where}",
                hint="use RUN --mount=type=secret",
            )


def _where(step: Step, in_image: set[int]) -> str:
    if step.stage.index not in in_image:
        return "the build's records"
    return "the image's configuration" if step.keyword == "ENV" else "the image's history"
