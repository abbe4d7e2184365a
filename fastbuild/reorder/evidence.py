"""Traced evidence in the place of knowledge: what one build of a RUN was seen to read and write.

One build is one observation: another input, another day may lead elsewhere. So a move that rests on it
needs a proof by building, and what was looked for in vain or listed is looked at again in later builds.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers
from fastbuild.reorder.copying import copied, is_directory
from fastbuild.reorder.effects import Effects, Trust

if TYPE_CHECKING:
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Context, Seen
    from fastbuild.reorder.place import Laid

DOUBT = "what it reads is known from one traced build only"


def traced_effects(seen: Seen, cwd: str, laid: Laid) -> Effects:
    """The effects of a RUN as they were seen, any variable, and only likely.

    A directory that was only looked at, not listed, counts as all below it, unless it is above `cwd`:
    then WORKDIR makes it, whatever is copied.
    """
    reads = frozenset(path for path in seen.reads if not covers(path, cwd) or _is_file(path, laid))
    reads |= seen.listed
    return Effects(reads=reads, writes=seen.writes, env=None, trust=Trust.LIKELY, doubts=(DOUBT,))


def _is_file(path: str, laid: Laid) -> bool:
    return path in laid.files


def roots(steps: tuple[Step, ...], context: Context) -> dict[str, str]:
    """Where the COPYs of a stage put the context's files and directories: path in the image → in the context.

    For `tracing.reads.broken_guards`: the longest match tells where a path would come from.
    """
    found: dict[str, str] = {}
    for step in steps:
        if step.keyword not in ("COPY", "ADD") or step.instruction.flag("from") is not None:
            continue
        what = copied(step, context)
        target = step.destination
        if what is None or target is None:
            continue
        for source in step.sources:
            clean = posixpath.normpath("/" + source).lstrip("/")
            if is_directory(clean, context.files()):
                found[target.rstrip("/") or "/"] = clean or "."
        found |= what.files
    return found
