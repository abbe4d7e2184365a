"""Readable cases: a Dockerfile, the files of its context, and what the reorderer has to make of it.

One sentence that says what the case is about.
=== Dockerfile
FROM debian:bookworm-slim
...
=== file src/app.py 0644
print()
=== link current -> releases/1
=== order                 (the text that is expected)
=== proved order          (the text that is expected with --prove)
=== same                  (nothing may be proposed)
=== kept 3 before 5: both write /x   (this edge, with words of its reason)
=== doubt: may be a symbolic link    (words of a reason why --prove is needed for the order)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from fastbuild.analysis.subject import Subject
from fastbuild.context.tree import ContextFile
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.cost import Costs
from fastbuild.reorder.shares import assumed

FOLDER = Path(__file__).parent.parent / "cases" / "reorder"
_TEXTS = {"Dockerfile": "dockerfile", "order": "order", "proved order": "proved_order"}
_SECTION = re.compile(r"^=== (.*)\n", re.MULTILINE)


@dataclass
class Files:
    """A context in memory."""

    texts: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def ignore(self) -> Ignore:
        return Ignore.read(self.texts.get(".dockerignore", ""))

    def files(self) -> dict[str, ContextFile]:
        ignore = self.ignore()
        found = {
            path: ContextFile(path=path, kind="directory", mode=mode)
            for path, mode in self.modes.items()
            if path not in self.texts
        }
        for path in (*self.texts, *self.links, *found):
            parts = path.split("/")
            for at in range(1, len(parts)):
                above = "/".join(parts[:at])
                found[above] = ContextFile(path=above, kind="directory", mode=self.modes.get(above, 0o755))
        for path, text in self.texts.items():
            mode = self.modes.get(path, 0o644)
            found[path] = ContextFile(path=path, kind="file", mode=mode, size=len(text))
        for path, target in self.links.items():
            found[path] = ContextFile(path=path, kind="link", mode=0o777, target=target)
        return {path: found[path] for path in sorted(found) if not ignore.ignores(path)}

    def ignored(self) -> frozenset[str]:
        return frozenset()

    def read(self, path: str) -> bytes | None:
        text = self.texts.get(path)
        return None if text is None else text.encode()

    def ignore_file(self) -> tuple[str, str] | None:
        text = self.texts.get(".dockerignore")
        return None if text is None else (".dockerignore", text)

    def lay_out(self, folder: Path) -> None:
        """Make the real files."""
        for path, text in self.texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        for path, target in self.links.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(target)
        for path, mode in sorted(self.modes.items(), reverse=True):
            if path not in self.texts:
                (folder / path).mkdir(parents=True, exist_ok=True)
            (folder / path).chmod(mode)


@dataclass
class Case:
    """One file of `tests/cases/reorder`."""

    name: str
    about: str
    dockerfile: str = ""
    context: Files = field(default_factory=Files)
    order: str | None = None
    proved_order: str | None = None
    same: bool = False
    kept: list[tuple[int, int, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def subject(self) -> Subject:
        return Subject(parse(self.dockerfile), self.context)

    def costs(self) -> Costs:
        files = [path for path, file in self.context.files().items() if file.kind != "directory"]
        return Costs(commits=assumed(files), ignores=self.context.ignore().ignores)


def read_case(path: Path) -> Case:
    about, *parts = _SECTION.split(path.read_bytes().decode())
    case = Case(name=path.stem, about=" ".join(about.split()))
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        _add(case, title.strip(), body)
    assert case.about, f"{path}: no sentence"
    expected = (case.order, case.proved_order)
    assert case.same or any(expected) or case.kept or case.doubts, f"{path} expects nothing"
    return case


def _add(case: Case, title: str, body: str) -> None:
    kind, _, rest = title.partition(" ")
    if title in _TEXTS:
        setattr(case, _TEXTS[title], body)
    elif kind == "file":
        path, _, mode = rest.partition(" ")
        case.context.texts[path] = body
        if mode:
            case.context.modes[path] = int(mode, 8)
    elif kind == "directory":
        path, _, mode = rest.partition(" ")
        case.context.modes[path] = int(mode, 8)
    elif kind == "link":
        path, _, target = rest.partition(" -> ")
        case.context.links[path] = target
    elif kind == "same":
        case.same = True
    elif match := re.fullmatch(r"kept (\d+) before (\d+): (.+)", title):
        case.kept.append((int(match[1]), int(match[2]), match[3]))
    elif match := re.fullmatch(r"doubt: (.+)", title):
        case.doubts.append(match[1])
    else:
        raise AssertionError(f"{case.name}: {title!r} is no section")


def all_cases() -> list[Case]:
    return [read_case(path) for path in sorted(FOLDER.glob("*.txt"))]
