"""A secret stands in the Dockerfile.

## What it finds
Passwords in addresses (`https://user:password@…`), well-known forms of tokens (GitHub, GitLab, AWS, npm,
Slack) and private keys, in any instruction.

## Why
Everyone who can read the repository or pull the image has it: the text of each instruction is part of the
image's history.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSL https://deploy:hunter22@files.example.com/app-1.2.tar.gz | tar xz
```
```dockerfile
FROM debian:bookworm-slim
RUN --mount=type=secret,id=netrc,target=/root/.netrc \\
    curl -fsSL --netrc https://files.example.com/app-1.2.tar.gz | tar xz
```

## When this is wrong
For made-up values in examples and tests. Variables and placeholders (`<…>`, `***`) are left alone.

## Fix safety
No fix. Change the secret: it must be taken for known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB503"
LEVEL = Level.ERROR

_SECRETS = (
    (
        "a password in an address",
        re.compile(r"[a-z]://[^\s/:@\"'$<{*]+:(?!\d+/)[^\s/@\"'$<>{}*()`]{3,}@[\w\[]"),
    ),
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})")),
    ("a GitLab token", re.compile(r"\bglpat-[\w-]{20,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b|_authToken=[\"']?(?![\"'${<*])[\w-]{8,}")),
    ("a Slack token", re.compile(r"\bxox[baprs]-[\w-]{10,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
)
_PLACEHOLDER = re.compile(r"EXAMPLE|x{6,}|:(password|pass|xxx+|secret|pw)@", re.IGNORECASE)
_MENTIONS = re.compile(r"@|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|npm_|_authToken|xox|BEGIN")


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each instruction with a secret; the secret itself is not repeated."""
    for step in subject.steps():
        text = step.instruction.text
        if not _MENTIONS.search(text):
            continue
        for what, expression in _SECRETS:
            match = expression.search(text)
            if match and not _PLACEHOLDER.search(match[0]):
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"{what} stands in the Dockerfile",
                    hint="revoke it, and use RUN --mount=type=secret",
                )
                break
