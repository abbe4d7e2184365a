"""Which stages matter: built at all, shipped in the final image, above a step in its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.subject import Subject


def lineage(subject: Subject, facts: StageFacts) -> tuple[StageFacts, ...]:
    """The stages whose layers `facts` holds, oldest first, itself last."""
    return subject.lineages[facts.stage.index]


def shipped(subject: Subject) -> tuple[StageFacts, ...]:
    """The stages whose layers the final image holds, oldest first."""
    return lineage(subject, subject.final) if subject.final else ()


def chain(subject: Subject, facts: StageFacts) -> Iterator[Step]:
    """All steps above and in `facts`, FROMs included, in the order in which they are built."""
    for each in lineage(subject, facts):
        yield from each.steps


def root_base(subject: Subject, facts: StageFacts) -> str:
    """The image at the bottom of the stage's lineage, as written after expansion."""
    return lineage(subject, facts)[0].base


def uses(subject: Subject, facts: StageFacts) -> frozenset[int]:
    """The indexes of the stages that `facts` needs directly."""
    found = {facts.parent.stage.index} if facts.parent else set()
    for step in facts.steps:
        for reference in sources_of(step):
            stage = subject.dockerfile.stage(reference, before=facts.stage.index)
            if stage:
                found.add(stage.index)
    return frozenset(found)


def sources_of(step: Step) -> Iterator[str]:
    """What a step takes files from: `--from` of COPY and ADD, `from=` of mounts; expanded."""
    instruction = step.instruction.trigger or step.instruction
    if "from=" not in instruction.text:
        return
    reference = instruction.flag("from")
    if reference:
        yield step.expanded(reference)
    for mount in instruction.mounts():
        if mount.get("from"):
            yield step.expanded(mount["from"])


def built(subject: Subject, start: int) -> frozenset[int]:
    """The stages that building stage `start` needs, itself included."""
    found: set[int] = set()
    pending = [start]
    while pending:
        index = pending.pop()
        if index not in found:
            found.add(index)
            pending += uses(subject, subject.stages[index])
    return frozenset(found)
