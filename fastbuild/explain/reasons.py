"""Why a step ran, as values: `Reason`, and the words that all reasons share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.explain.hidden import HIDDEN

if TYPE_CHECKING:
    from fastbuild.explain.sidefile import StepKey


class Cause(StrEnum):
    """What made a step run. The texts are stable: they stand in JSON."""

    FILE_CHANGED = "file_changed"
    FILE_ADDED = "file_added"
    FILE_REMOVED = "file_removed"
    FILE_RENAMED = "file_renamed"
    MODES = "modes"
    DOCKERFILE_COPIED = "dockerfile_copied"
    IGNORE_FILE_COPIED = "ignore_file_copied"
    INSTRUCTION = "instruction"
    NEW_INSTRUCTION = "new_instruction"
    REMOVED_INSTRUCTION = "removed_instruction"
    ORDER = "order"
    VARIABLE = "variable"
    VARIABLE_ORDER = "variable_order"
    SHELL = "shell"
    USER = "user"
    DIRECTORY = "directory"
    MOUNT = "mount"
    OPTION = "option"
    PLATFORM = "platform"
    BASE_MOVED = "base_moved"
    BASE_CHANGED = "base_changed"
    SOURCE_CHANGED = "source_changed"
    FOLLOWS = "follows"
    OVERWRITTEN = "overwritten"
    EVICTED = "evicted"
    MODE_MIN = "mode_min"
    NOT_READ = "not_read"
    IMPORT_FAILED = "import_failed"
    NEVER_BUILT = "never_built"
    NO_CACHE = "no_cache"
    NO_CACHE_FILTER = "no_cache_filter"
    EXPIRED = "expired"
    ENGINE = "engine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """The first cause of one step's run, in build order.

    `sentence` is complete, without a full stop, and safe to print. `files` are up to ten paths, `count` all
    that differ. `before` and `after` are what `subject` (a variable, an image, a mode …) was and is, empty
    where hidden. `where` is the line that set it. `follows` is the name of an earlier step, `cache` the
    label of the cache meant, `against` the build compared with. `also` are further causes.
    """

    step: str
    line: int | None
    platform: str
    cause: Cause
    sentence: str
    files: tuple[str, ...] = ()
    count: int = 0
    subject: str = ""
    before: str = ""
    after: str = ""
    where: int | None = None
    follows: str = ""
    cache: str = ""
    against: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs, before it is known to be the first. `order` is the place in build order."""

    cause: Cause
    sentence: str
    order: int = 0
    files: tuple[str, ...] = ()
    count: int = 0
    subject: str = ""
    before: str = ""
    after: str = ""
    where: int | None = None
    follows: int = -1
    cache: str = ""
    also: tuple[str, ...] = field(default=())


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_LONGEST = 80


def shown(text: str, longest: int = _LONGEST) -> str:
    """A text from anywhere, safe inside a sentence: one line, no control characters, not too long."""
    text = HIDDEN.sub("***", text)
    text = _CONTROL.sub(" ", text).encode("utf-8", "backslashreplace").decode().strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def code(text: str, longest: int = _LONGEST) -> str:
    """The same in backticks."""
    return f"`{shown(text, longest).replace('`', chr(39))}`"


def name(step: StepKey) -> str:
    """A step's instruction in a sentence."""
    return code(" ".join(step.text.split()), 60)


def place(step: StepKey) -> str:
    """What a step is called in a sentence: line and instruction."""
    return f"line {step.line} {name(step)}" if step.line else name(step)


def more(count: int, noun: str = "file") -> str:
    """` and 3 more files`, or nothing."""
    return "" if count <= 0 else f" and {count} more {noun}{'' if count == 1 else 's'}"


def short_digest(digest: str) -> str:
    """`sha256:0123456789ab…`."""
    return shown(f"{digest[:19]}…" if len(digest) > 20 else digest)
