"""A file with secrets is copied into the image.

## What it finds
COPY or ADD of private keys and files with credentials (`.env`, `id_rsa`, `.netrc`, `.git-credentials`, …),
by name or, with the context at hand, as part of a directory.

## Why
Everyone who can pull the image can read them. Deleting them in a later step doesn't help: the layer stays.
In a stage that is not shipped they are still in the build cache, also in an exported one (info then).

## Example
```dockerfile
FROM debian:bookworm-slim
COPY .env /app/.env
```
```dockerfile
FROM debian:bookworm-slim
COPY .env.example /app/.env.example
```

## When this is wrong
When the file holds no secret, for example an `.env` with public settings.

## Fix safety
No fix: pass it at run time, or with `RUN --mount=type=secret` during the build, and add it to
`.dockerignore`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.brought import copied, from_context, normal
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB504"
LEVEL = Level.WARNING

_NAMES = re.compile(
    r"(^|.*/)(\.env(\.(local|production|prod|staging))?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.git-credentials|\.pypirc)$"
)
_PLACES = re.compile(r"(^|.*/)(\.aws/credentials|\.docker/config\.json|\.kube/config|\.ssh/id_\w+(?<!pub))$")
_KEYS = re.compile(r".*\.(pem|key|p12|pfx)$|(^|.*/)\.npmrc$")
_CONTENT = re.compile(rb"PRIVATE KEY-----|_authToken\s*=\s*[^$\s]|_password\s*=\s*[^$\s]")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each COPY that brings such files."""
    in_image = {facts.stage.index for facts in shipped(subject)}
    for step in subject.steps():
        names = sorted(set(_secrets(subject, step))) if from_context(step) else []
        if not names:
            continue
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        ships = step.stage.index in in_image
        who = "everyone who can pull the image" if ships else "everyone who can read the build cache"
        yield about(
            step,
            CODE,
            LEVEL if ships else Level.INFO,
            f"{names[0]}{more} can be read by {who}",
            hint="leave it out in .dockerignore and use RUN --mount=type=secret",
        )


def _secrets(subject: Subject, step: Step) -> Iterator[str]:
    if subject.context is None:
        for source in step.sources:
            if _NAMES.match(normal(source)) or _PLACES.match(normal(source)):
                yield normal(source)
        return
    for file in copied(subject, step):
        if file.kind != "file" or "node_modules/" in file.path or file.path.startswith(".git/"):
            continue
        if (
            _NAMES.match(file.path)
            or _PLACES.match(file.path)
            or (_KEYS.match(file.path) and file.size < 100_000 and _is_secret(subject, file.path))
        ):
            yield file.path


def _is_secret(subject: Subject, path: str) -> bool:
    content = subject.context.read(path) if subject.context else None
    return bool(_CONTENT.search(content or b"")) and not re.search(
        r"(^|/)(tests?|testdata|fixtures|examples?)/", path
    )
