"""Small subjects for the tests of rules: a text, files of a context, measured steps."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.subject import Measured, Subject
from fastbuild.context.tree import ContextFile
from fastbuild.dockerfile.parse import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.rule import Rule


@dataclass(frozen=True)
class Files:
    """A build context held in memory: path → (mode, content); directories follow from the paths."""

    contents: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    ignore: tuple[str, str] | None = None

    def files(self) -> Mapping[str, ContextFile]:
        found: dict[str, ContextFile] = {}
        for path, (mode, content) in self.contents.items():
            parts = path.split("/")
            for depth in range(1, len(parts)):
                parent = "/".join(parts[:depth])
                found.setdefault(parent, ContextFile(path=parent, kind="directory", mode=0o755))
            size = self.sizes.get(path, len(content))
            found[path] = ContextFile(path=path, kind="file", mode=mode, size=size)
        return MappingProxyType(found)

    def ignored(self) -> frozenset[str]:
        return frozenset()

    def read(self, path: str) -> bytes | None:
        return self.contents[path][1] if path in self.contents else None

    def ignore_file(self) -> tuple[str, str] | None:
        return self.ignore


def listed(text: str, ignore: tuple[str, str] | None = None) -> Files:
    """A context from lines `PATH [SIZE [MODE [CONTENT]]]`."""
    contents, sizes = {}, {}
    for line in text.strip().splitlines():
        path, size, mode, content = (*line.split(None, 3), "", "", "")[:4]
        contents[path] = (int(mode or "644", 8), content.encode())
        sizes[path] = int(size or "0")
    return Files(contents, sizes, ignore)


def subject(
    text: str,
    *,
    context: str | Files | None = None,
    args: Mapping[str, str] | None = None,
    measured: str = "",
) -> Subject:
    """A subject; `measured` are lines `LINE SECONDS BYTES`."""
    dockerfile = parse(text)
    lines = {each.start: each.index for each in dockerfile.instructions}
    known = {}
    for entry in measured.strip().splitlines():
        line, seconds, size = entry.split()
        known[lines[int(line)]] = Measured(seconds=float(seconds), size=int(size), builds=3)
    return Subject(
        dockerfile,
        listed(context) if isinstance(context, str) else context,
        dict(args or {}),
        measured=known,
    )


def caught(rule: Rule, text: str, **more: object) -> list[Finding]:
    """What `rule` says of a text."""
    return list(rule.check(subject(text, **more)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Example:
    """One fenced Dockerfile of a manual with the context and measures that stand before it."""

    dockerfile: str
    context: str | None
    measured: str


def examples(manual: str) -> Iterator[Example]:
    """The examples of a rule's manual, the bad one first."""
    context: str | None = None
    measured = ""
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", manual, re.MULTILINE | re.DOTALL):
        if kind == "context":
            context = body
        elif kind == "measured":
            measured = body
        elif kind == "dockerfile":
            yield Example(body, context, measured)


Case = tuple["Rule", tuple[str, ...]]


def case(rule: Rule, *lines: str) -> Case:
    """A rule and a text; without a FROM the text is put on Debian."""
    start = () if any(line.upper().startswith("FROM") for line in lines) else ("FROM debian:bookworm-slim",)
    return rule, (*start, *lines)


def text_of(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def name_of(value: object) -> str | None:
    """A parameter's name in the list of tests."""
    if isinstance(value, tuple):
        return " · ".join(value).removeprefix("FROM debian:bookworm-slim · ")
    return getattr(value, "__name__", "").rpartition(".")[2] or None
