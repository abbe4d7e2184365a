"""The rules for people: `fastbuild analyze --explain CODE` and `--list-rules`."""

from __future__ import annotations

from fastbuild.analysis.catalogue import catalogue, spellings, suggestion
from fastbuild.analysis.rules import RULES
from fastbuild.errors import UsageError


def explain(code: str) -> str:
    """A rule's manual. Raises UsageError for an unknown code or name."""
    infos = catalogue(RULES)
    known = spellings(infos.values())
    if code.lower() not in known:
        hint = suggestion(code, known) or "see fastbuild analyze --list-rules"
        raise UsageError(f"there is no rule {code!r}", fix=hint)
    info = infos[known[code.lower()]]
    return f"{info.code} {info.name} ({info.level.label})\n\n{info.title}.\n\n{info.manual}".rstrip()


def listing() -> str:
    """One line for each code."""
    infos = sorted(catalogue(RULES).values(), key=lambda info: info.code)
    return "\n".join(f"{info.code}  {info.level.label:<8} {info.name}: {info.title}" for info in infos)
