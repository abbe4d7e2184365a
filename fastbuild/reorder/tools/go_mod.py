"""go.mod and go.work files: https://go.dev/ref/mod#go-mod-file-grammar"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastbuild.reorder.tools.assigned import Unclear


@dataclass(frozen=True, slots=True)
class GoModule:
    """A go.mod or go.work: `pruned` since go 1.17, from where on it lists all that a build needs."""

    requires: frozenset[tuple[str, str]]
    replaced: frozenset[str]
    local: tuple[str, ...]
    uses: tuple[str, ...]
    pruned: bool


_DIRECTIVE = re.compile(
    r"^(require|replace|use|go|module|exclude|retract|toolchain|godebug|tool|ignore)\b\s*(.*)$"
)


def go_module(text: str) -> GoModule:
    """Raises Unclear for a line that is of no known form."""
    block = ""
    entries: list[tuple[str, list[str]]] = []
    for raw in text.splitlines():
        line = raw.partition("//")[0].strip()
        if block and line == ")":
            block = ""
        elif block and line:
            entries.append((block, line.split()))
        elif match := _DIRECTIVE.match(line):
            if match[2].startswith("("):
                block = match[1]
            else:
                entries.append((match[1], match[2].split()))
        elif line:
            raise Unclear(f"go.mod has a line that fastbuild can't read: {line[:60]}")
    return _module([(name, [word.strip('"`') for word in words]) for name, words in entries])


def _module(entries: list[tuple[str, list[str]]]) -> GoModule:
    replacements = [words for name, words in entries if name == "replace" and "=>" in words]
    targets = [words[words.index("=>") + 1 :] for words in replacements]
    version = next((words[0] for name, words in entries if name == "go" and words), "1.16")
    major, _, minor = version.partition(".")
    requires = {(words[0], words[1]) for name, words in entries if name == "require" and len(words) > 1}
    requires |= {(t[0], t[1]) for t in targets if len(t) > 1}
    return GoModule(
        requires=frozenset(requires),
        replaced=frozenset(words[0] for words in replacements) - {t[0] for t in targets if len(t) > 1},
        local=tuple(t[0] for t in targets if t and t[0].startswith((".", "/"))),
        uses=tuple(words[0] for name, words in entries if name == "use" and words),
        pruned=int(major or 1) > 1 or int(re.match(r"\d*", minor)[0] or 0) >= 17,  # type: ignore[index]
    )
