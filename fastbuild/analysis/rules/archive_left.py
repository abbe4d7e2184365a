"""A downloaded archive stays in the image after it was unpacked.

## What it finds
A RUN of a shipped stage that downloads an archive to a file and unpacks it, but doesn't delete it.

## Why
The archive is as good as never read again, and it is stored, pushed and pulled beside its content.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLo /tmp/tool.tar.gz https://example.com/tool.tar.gz && tar xzf /tmp/tool.tar.gz -C /opt
```
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSL https://example.com/tool-1.2.tar.gz | tar xz -C /opt
```

## When this is wrong
When the program reads the archive.

## Fix safety
No fix: unpack from a pipe, or delete the archive in the same RUN.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.caches import cache_mounts
from fastbuild.analysis.commands import Kind, actions
from fastbuild.analysis.finding import Level
from fastbuild.analysis.reach import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB604"
LEVEL = Level.INFO

_ARCHIVE = re.compile(r"[\w${}.+-]+\.(tar\.(gz|xz|bz2|zst)|tgz|txz|tbz2|zip|tar)$")
_UNPACKERS = frozenset({"tar", "unzip", "bsdtar"})


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each RUN that leaves an archive."""
    for facts in shipped(subject):
        for step in facts.runs:
            text = step.instruction.text
            if not ("curl" in text or "wget" in text) or cache_mounts(step):
                continue
            name = _left(step)
            if name:
                yield about(
                    step,
                    CODE,
                    LEVEL,
                    f"{name} stays in the layer after it was unpacked",
                    hint="delete it in this RUN",
                )


def _left(step: Step) -> str:
    found = actions(step) if step.script.complete else ()
    if any(action.call.name in ("rm", "mv", "find") for action in found):
        return ""
    unpacked = " ".join(word for action in found if action.call.name in _UNPACKERS for word in action.args)
    for action in found:
        if action.kind is Kind.FETCH:
            for word in _files(action):
                if _ARCHIVE.match(word) and word in unpacked:
                    return word
    return ""


def _files(action: Action) -> Iterator[str]:
    """The base names of what a download writes: the value of -o, -O, or the address's own name."""
    words = action.args
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ""
        writes = re.fullmatch(r"-[a-zA-Z]*[oO]|--output|--output-document", word)
        if writes and following and not following.startswith(("-", "http")):
            yield posixpath.basename(following.strip("\"'"))
        elif re.fullmatch(r"--output(-document)?=.+", word):
            yield posixpath.basename(word.partition("=")[2])
    named = (
        action.call.name == "wget"
        or action.has("--remote-name")
        or any(re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*", word) for word in words)
    )
    if named:
        for address in action.names:
            yield posixpath.basename(address.strip("\"'"))
