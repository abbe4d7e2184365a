"""A RUN fetches something that moves, and the cache keeps the day it first ran.

## What it finds
`git clone` of a branch without checking out a fixed revision, and downloads whose address names no version
(`/latest/`, `/master/`, `/main/`, `HEAD`).

## Why
The key of a RUN is its text, not what the address delivers. On a warm builder the clone stays as old as the
cached layer, on a fresh runner it is today's: the same commit gives different images, and nobody sees when.

## Example
```dockerfile
FROM golang:1.24
RUN git clone https://github.com/example/tool.git /src
```
```dockerfile
FROM golang:1.24
ADD https://github.com/example/tool.git#v1.4.2 /src
```

## When this is wrong
When any revision will do and its age doesn't matter. The rule is silent if the same RUN checks out
something afterwards.

## Fix safety
No fix: which revision is right is yours to say. `ADD <git address>#<ref>` is keyed by the commit that the
ref has now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB105"
LEVEL = Level.WARNING

_MOVING = re.compile(
    r"/(latest|master|main|HEAD)(/|$|[\"'\\s])|/releases/latest\b|refs/heads/(main|master)\b"
)
_CHECKOUT = re.compile(r"\bgit\s[^;&|\n]*\b(checkout|reset --hard|switch)\b")
_PIPED = re.compile(r"\|\s*(sudo\s+)?(ba|da|z)?sh\b")
"""Executed at once: another rule's subject."""
_BRANCHES = frozenset({"main", "master", "develop", "dev", "trunk", "stable", "latest", "next"})
_FIXES = frozenset({"checkout", "reset", "switch", "fetch", "worktree", "submodule"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN with a moving source."""
    for step in subject.runs:
        text = step.instruction.text
        if not ("git clone" in text or _MOVING.search(text)):
            continue
        what = "" if _PIPED.search(text) else _moving(subject, step)
        if what:
            yield about(
                step,
                CODE,
                LEVEL,
                f"{what}, and the cached layer keeps what it was on the day it ran",
                hint="name a tag, a commit or a version",
            )


def _moving(subject: Subject, step: Step) -> str:
    found = actions(step) if step.script.complete else ()
    for position, action in enumerate(found):
        what = _moves(action, found[position + 1 :])
        if what and not (action.kind is Kind.CLONE and _checks_out(subject)):
            return what
    return ""


def _checks_out(subject: Subject) -> bool:
    return any(_CHECKOUT.search(step.instruction.text) for step in subject.steps())


def _moves(action: Action, later: tuple[Action, ...]) -> str:
    if action.kind is Kind.FETCH:
        url = next((url for url in action.names if _MOVING.search(url)), "")
        return f"the address names no version ({url.strip(chr(34))})" if url else ""
    if action.kind is not Kind.CLONE:
        return ""
    if any(other.tool == "git" and _FIXES & set(other.args) for other in later):
        return ""
    branch = _branch(action.args)
    if branch is None:
        return "git clone takes the default branch"
    return f"git clone takes the branch {branch}" if branch in _BRANCHES else ""


def _branch(args: tuple[str, ...]) -> str | None:
    for index, arg in enumerate(args):
        if arg in ("-b", "--branch", "--revision") and index + 1 < len(args):
            return args[index + 1]
        if arg.startswith(("--branch=", "--revision=")):
            return arg.partition("=")[2]
    return None
