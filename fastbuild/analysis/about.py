"""Findings about one instruction, and edits of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Cost, Edit, Finding, Fix, Level, Safety

if TYPE_CHECKING:
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Context


def about(
    step: Step,
    code: str,
    level: Level,
    message: str,
    *,
    hint: str = "",
    cost: Cost | None = None,
    fix: Fix | None = None,
) -> Finding:
    """A finding at the lines of `step`."""
    where = step.instruction
    return Finding(
        code=code,
        level=level,
        message=message,
        start=where.start,
        end=where.end,
        hint=hint,
        cost=cost,
        fix=fix,
    )


def rewritten(step: Step, old: str, new: str, title: str, safety: Safety) -> Fix | None:
    """A fix that replaces the only `old` in the lines of `step`; None if it stands there more than once."""
    source = step.instruction.source
    if source.count(old) != 1 or "\ufffd" in source:
        return None
    edit = Edit(start=step.instruction.start, end=step.instruction.end, text=source.replace(old, new))
    return Fix(title=title, safety=safety, edits=(edit,))


def ignoring(context: Context, patterns: tuple[str, ...], title: str) -> Fix | None:
    """A fix that adds `patterns` to the ignore file, or makes one.

    None without patterns, and where the ignore file has `!` lines, which the new ones could undo.
    """
    current = context.ignore_file()
    added = "".join(f"{pattern}\n" for pattern in patterns)
    if not patterns:
        return None
    if current is None:
        own = "" if ".dockerignore" in patterns else ".dockerignore\n"  # the new file must not be copied, too
        edit = Edit(start=1, end=0, text=added + own, file=".dockerignore")
        return Fix(title=title, safety=Safety.SAFE, edits=(edit,))
    name, text = current
    lines = text.splitlines()
    if any(line.strip().startswith("!") for line in lines):
        return None
    last = len(lines)
    if not text or text.endswith("\n"):
        edit = Edit(start=last + 1, end=last, text=added, file=name)
    else:
        edit = Edit(start=last, end=last, text=f"{lines[-1]}\n{added}", file=name)
    return Fix(title=title, safety=Safety.SAFE, edits=(edit,))
