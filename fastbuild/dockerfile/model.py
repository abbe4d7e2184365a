"""A Dockerfile as values: pieces that join to the input byte for byte, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before an instruction's words; `value` is None for a bare `--name`."""

    name: str
    value: str | None

    @property
    def text(self) -> str:
        """As written, without surrounding blanks."""
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"

    @property
    def options(self) -> dict[str, str]:
        """`key=value,key` of a `--mount`, keys in lower case; a bare key has the value "true"."""
        found = {}
        for item in (self.value or "").split(","):
            key, separator, value = item.partition("=")
            found[key.strip().lower()] = value.strip("\"'") if separator else "true"
        return found


def mount_target(options: Mapping[str, str]) -> str:
    """Where a mount with these `Flag.options` appears, by any of its three names; empty without one."""
    return options.get("target") or options.get("dst") or options.get("destination") or ""


@dataclass(frozen=True, slots=True)
class Heredoc:
    """One `<<NAME` body; `content` without its terminator line.

    `expand` is False for a quoted name, `chomp` True for `<<-` (`content` still has its leading tabs).
    """

    name: str
    content: str
    expand: bool = True
    chomp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    `index` counts instructions of the file from 0; `start` and `end` are its first and last line, from 1.
    `source` is exactly those lines (a byte order mark is a piece of its own), `comment` the comment lines
    that stand directly above (they belong to it when it moves). `keyword` is in capitals, but as written if
    BuildKit doesn't know it; `text` is the instruction as BuildKit joins it, continuations and inner comments
    gone, heredoc bodies included; `words` are the parser's words: for shell form one word with the whole
    text, for ENV and LABEL names and values in turn, as written. `trigger` is the instruction after ONBUILD,
    and has its flags, words and heredocs.
    """

    index: int
    keyword: str
    start: int
    end: int
    source: str
    text: str
    comment: str = ""
    flags: tuple[Flag, ...] = ()
    words: tuple[str, ...] = ()
    json: bool = False
    heredocs: tuple[Heredoc, ...] = ()
    trigger: Instruction | None = None

    def flag(self, name: str) -> str | None:
        """The value of the last `--name=`; empty for a bare one, None without."""
        found = [flag.value or "" for flag in self.flags if flag.name == name]
        return found[-1] if found else None

    def mounts(self) -> tuple[dict[str, str], ...]:
        """The options of every `--mount`, `type` filled in (bind is BuildKit's default)."""
        return tuple({"type": "bind", **flag.options} for flag in self.flags if flag.name == "mount")

    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """Names and raw values of ENV, LABEL and ARG; the value of `ARG NAME` is None."""
        if self.keyword == "ARG":
            split = (word.partition("=") for word in self.words)
            return tuple((name, value if separator else None) for name, separator, value in split)
        return tuple(zip(self.words[::2], self.words[1::2], strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """FROM and what follows. `name` is in lower case, empty if unnamed; `base` is as written."""

    index: int
    name: str
    base: str
    instructions: tuple[Instruction, ...]

    @property
    def start(self) -> Instruction:
        """The FROM."""
        return self.instructions[0]

    @property
    def body(self) -> tuple[Instruction, ...]:
        """All after the FROM."""
        return self.instructions[1:]


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile. `pieces` are the text: instructions, and what lies between them as strings.

    An instruction's piece is its comment and its source.
    """

    pieces: tuple[str | Instruction, ...]
    directives: tuple[tuple[str, str], ...] = ()
    name: str = "Dockerfile"

    @property
    def source(self) -> str:
        """The text it was parsed from, unchanged."""
        return "".join(p if isinstance(p, str) else p.comment + p.source for p in self.pieces)

    @property
    def escape(self) -> str:
        """The line continuation and escape character."""
        return dict(self.directives).get("escape", "\\")

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        """All of them, in file order."""
        return tuple(p for p in self.pieces if isinstance(p, Instruction))

    @cached_property
    def header(self) -> tuple[Instruction, ...]:
        """The ARGs before the first FROM."""
        first = next((i for i, each in enumerate(self.instructions) if each.keyword == "FROM"), None)
        return self.instructions[:first]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, in file order; none without a FROM."""
        starts = [i for i, each in enumerate(self.instructions) if each.keyword == "FROM"]
        bounds = pairwise([*starts, len(self.instructions)])
        return tuple(
            _stage(number, self.instructions[start:end]) for number, (start, end) in enumerate(bounds)
        )

    def stage(self, reference: str, before: int | None = None) -> Stage | None:
        """The stage that `--from=` or `--target` names, by name in any case or index; of several the last.

        Only those before `before` count. For FROM see `base_stage`.
        """
        limit = len(self.stages) if before is None else before
        found = self.base_stage(reference.lower(), limit)
        if found is None and reference.isdigit() and int(reference) < limit:
            return self.stages[int(reference)]
        return found

    def base_stage(self, base: str, before: int) -> Stage | None:
        """The stage that a FROM of stage number `before` builds on, None for an image; `base` is expanded.

        BuildKit v0.34.1 keeps stages by their names in lower case, but looks `base` up as it is written
        (`dispatchStates.addState`): `FROM Base` never finds a stage, and neither does an index.
        """
        named = (stage for stage in reversed(self.stages[:before]) if stage.name == base)
        return next(named, None) if base else None

    def ancestry(self, stage: Stage) -> Iterator[Stage]:
        """The stage and those it builds on, nearest first."""
        current: Stage | None = stage
        while current is not None:
            yield current
            current = self.base_stage(current.base, current.index)


def _stage(number: int, instructions: tuple[Instruction, ...]) -> Stage:
    words = instructions[0].words
    named = len(words) == 3 and words[1].upper() == "AS"
    return Stage(
        index=number,
        name=words[2].lower() if named else "",
        base=words[0] if words else "",
        instructions=instructions,
    )
