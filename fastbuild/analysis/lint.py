"""BuildKit's own checks as findings: its printed answer read, and doubles of our rules dropped.

Format: frontend/subrequests/lint/lint.go of BuildKit v0.34 (`PrintTo`), and solver/errdefs/source.go for
the frame, in which `>>>` marks the lines. buildctl prints no JSON, so the text is read for all engines.
"""

from __future__ import annotations

import re
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.catalogue import RuleInfo
from fastbuild.analysis.finding import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WARNING = re.compile(r"^WARNING: (?P<name>\w+)(?: - (?P<url>\S+))?(?: \(line \d+\))?$")
_MARKED = re.compile(r"^\s*(\d+) \| (?:>>> )")
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")

CHECKS = frozenset(
    {
        *("ConsistentInstructionCasing", "CopyIgnoredFile", "DuplicateStageName", "ExposeInvalidFormat"),
        *("ExposeProtoCasing", "FromAsCasing", "FromPlatformFlagConstDisallowed", "InvalidBaseImagePlatform"),
        *("InvalidDefaultArgInFrom", "InvalidDefinitionDescription", "JSONArgsRecommended"),
        *("LegacyKeyValueFormat", "MaintainerDeprecated", "MultipleInstructionsDisallowed"),
        *("NoEmptyContinuation", "RedundantTargetPlatform", "ReservedStageName", "SecretsUsedInArgOrEnv"),
        *("StageNameCasing", "UndefinedArgInFrom", "UndefinedVar", "WorkdirRelativePath"),
    }
)
"""The names that BuildKit v0.34 has; a later one's are known once it reports them."""
SAME: Mapping[str, frozenset[str]] = MappingProxyType({"SecretsUsedInArgOrEnv": frozenset({"FB502"})})
"""BuildKit's check → our rules that say the same: theirs is dropped at the same line."""


def read(answer: str) -> tuple[Finding, ...]:
    """The findings in what `--call check` printed."""
    return tuple(_findings(answer.split("\n")))


def _findings(lines: Sequence[str]) -> Iterator[Finding]:
    starts = [number for number, line in enumerate(lines) if _WARNING.match(line)]
    for begin, end in pairwise([*starts, len(lines)]):
        head = _WARNING.match(lines[begin])
        block = lines[begin + 1 : end]
        marked = [int(match[1]) for line in block if (match := _MARKED.match(line))]
        if head is None:
            continue
        yield Finding(
            code=head["name"],
            level=Level.WARNING,
            message=(block[0] if block else head["name"]).strip().rstrip("."),
            start=min(marked, default=0),
            end=max(marked, default=0),
        )


def infos(answer: str) -> dict[str, RuleInfo]:
    """What is known of the checks that an answer names."""
    heads = [match for line in answer.split("\n") if (match := _WARNING.match(line))]
    return {head["name"]: _info(head["name"], head["url"] or "") for head in heads}


def _info(name: str, url: str) -> RuleInfo:
    words = _WORDS.sub(" ", name).lower()
    return RuleInfo(
        code=name,
        name=words.replace(" ", "-"),
        title=f"BuildKit's check: {words}",
        level=Level.WARNING,
        url=url,
    )


def without_doubles(theirs: Sequence[Finding], ours: Sequence[Finding]) -> tuple[Finding, ...]:
    """`theirs` without what one of `ours` says of the same line."""
    said = {(finding.code, finding.start) for finding in ours}
    return tuple(
        finding
        for finding in theirs
        if not any((code, finding.start) in said for code in SAME.get(finding.code, ()))
    )
