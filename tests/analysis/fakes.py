"""Rules made for tests: real ones as far as the framework can tell."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, cast

from fastbuild.analysis.finding import Edit, Finding, Fix, Level, Safety
from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastbuild.analysis.rule import Rule
    from fastbuild.dockerfile.model import Instruction


def rule(
    code: str, check: Callable[[Subject], Iterator[Finding]], level: Level = Level.WARNING, name: str = ""
) -> Rule:
    module = ModuleType(f"fastbuild.analysis.rules.{name or code.lower()}", f"About {code}.\n\n## Why\nSo.")
    module.__dict__.update(CODE=code, LEVEL=level, check=check)
    return cast("Rule", module)


def keyword_rule(
    code: str,
    keyword: str,
    replacement: str | None = None,
    safety: Safety = Safety.SAFE,
    level: Level = Level.WARNING,
) -> Rule:
    """Finds every instruction of a keyword; with `replacement` it has a fix."""

    def fix(instruction: Instruction) -> Fix | None:
        if replacement is None:
            return None
        edit = Edit(start=instruction.start, end=instruction.end, text=replacement)
        return Fix(title=f"replace {keyword}", safety=safety, edits=(edit,))

    def check(subject: Subject) -> Iterator[Finding]:
        for each in subject.dockerfile.instructions:
            if each.keyword == keyword:
                yield Finding(
                    code=code,
                    level=level,
                    message=f"there is a `{keyword}`",
                    start=each.start,
                    end=each.end,
                    fix=fix(each),
                )

    return rule(code, check, level)


def subject(text: str) -> Subject:
    return Subject(dockerfile=parse(text))
