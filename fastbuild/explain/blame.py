"""Which instruction is to blame that a step runs again, and what to do about it: in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbuild.dockerfile.model import Instruction
    from fastbuild.explain.contracts import Rerun
    from fastbuild.explain.project import Project, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """`why` goes on after a comma, `hint` is a sentence; `start` and `end` are the lines to blame."""

    why: str
    hint: str
    start: int
    end: int


def blame(
    project: Project,
    step: Step,
    *,
    cause: Step,
    through: Step | None,
    rerun: Rerun,
    file: str,
    argument: str,
) -> Blame:
    """`cause` is the step that the change reaches, `through` the one that takes from another stage.

    `file` or `argument` is what changed; neither, if the step runs in every build.
    """
    if argument:
        return _by_argument(project, step, cause, argument)
    if not file:
        return _always(cause, no_cache=rerun.cause.ignore_cache)
    if through is not None:
        return _by_output(step, cause, through, file)
    if cause.ops == step.ops:
        return _by_itself(step, file)
    return _by_file(project, step, cause, file)


def _by_file(project: Project, step: Step, cause: Step, file: str) -> Blame:
    if cause.start and step.start and project.stage_at(cause.start) is project.stage_at(step.start):
        return Blame(
            why=f"because {cause.words} above it takes {file}",
            hint=f"move line {cause.start} below line {step.start}, or copy only what that line needs",
            start=cause.start,
            end=cause.end,
        )
    stage = f" of stage {cause.stage}" if cause.stage else ""
    return Blame(
        why=f"because it stands on {cause.words}{stage}, which takes {file}",
        hint=f"let line {step.start} stand on a stage without line {cause.start}, or copy less there",
        start=cause.start,
        end=cause.end,
    )


def _by_itself(step: Step, file: str) -> Blame:
    if step.instruction.upper().startswith("RUN"):
        return Blame(
            why=f"because it mounts {file}",
            hint="mount only the files that it reads: --mount=type=bind,source=FILE,target=FILE",
            start=step.start,
            end=step.end,
        )
    return Blame(
        why=f"because it takes {file} itself",
        hint=f"name only what it should take, or leave {file} out in .dockerignore",
        start=step.start,
        end=step.end,
    )


def _by_output(step: Step, cause: Step, through: Step, file: str) -> Blame:
    allow = 'or say maybe = "allow" in the contract'
    taker = "it takes" if through.ops == step.ops else f"{through.words} takes"
    hint = (
        f"take less from there, {allow}"
        if through.ops == step.ops
        else f"move line {through.start} below line {step.start}, {allow}"
    )
    return Blame(
        why=f"because {taker} what is made with {cause.words}, which takes {file}: only building can tell",
        hint=hint,
        start=through.start,
        end=through.end,
    )


def _always(cause: Step, *, no_cache: bool) -> Blame:
    why = "--no-cache or --no-cache-filter forbids to look it up" if no_cache else "its key is never the same"
    return Blame(
        why=f"because {why}" if no_cache else f"because {cause.words} has another key in every build",
        hint="leave the flag out" if no_cache else "copy the files of the context instead of building on it",
        start=cause.start,
        end=cause.end,
    )


def _by_argument(project: Project, step: Step, cause: Step, argument: str) -> Blame:
    declared = _declaration(project, argument, cause.start or step.start)
    line, end = (declared.start, declared.end) if declared else (cause.start, cause.end)
    if cause.ops == step.ops:
        why = f"because its value is set in line {line} above it" if declared else "because it uses it"
    else:
        why = f"because {cause.words} uses it"
    below = f"move ARG {argument} (line {line}) below line {step.start}" if line else f"leave {argument} out"
    return Blame(why=why, hint=f"{below}, or use it only where it is needed", start=line, end=end)


def _declaration(project: Project, argument: str, line: int) -> Instruction | None:
    """The last ARG of that name before a line, in the line's own stage first."""
    stage = project.stage_at(line)
    found = [
        instruction
        for instruction in project.dockerfile.instructions
        if instruction.keyword == "ARG" and instruction.start < line and argument in dict(instruction.pairs())
    ]
    own = [each for each in found if stage is not None and each in stage.instructions]
    return next(reversed(own or found), None)
