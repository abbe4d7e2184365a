"""Trees for a context, as short lists; and what a daemon linked a step's content to."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.keys.content import ContentError, content_digest
from fastbuild.keys.graph import read_graph
from fastbuild.keys.ops import op_key, record_key
from fastbuild.keys.sent import follow_paths
from tests.live.debug_daemon import convert

if TYPE_CHECKING:
    import random
    import subprocess
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tests.live.debug_daemon import DebugDaemon

PLATFORM = ("linux", "amd64", "")
REFUSALS = ("failed to calculate checksum", "failed to compute cache key", "invalid includepatterns")
"""What BuildKit says when it can't make sense of the files that were selected."""


@dataclass(frozen=True)
class Entry:
    """One entry to make: a file with `text`, or what `kind` says."""

    path: str
    kind: str = "file"
    text: str = ""
    mode: int | None = None
    xattrs: tuple[tuple[str, bytes], ...] = ()


def file(path: str | bytes, text: str = "x", mode: int = 0o644, **xattrs: bytes) -> Entry:
    named = tuple((name.replace("_", ".", 1), value) for name, value in xattrs.items())
    return Entry(os.fsdecode(path), "file", text, mode, named)


def folder(path: str | bytes, mode: int = 0o755, **xattrs: bytes) -> Entry:
    named = tuple((name.replace("_", ".", 1), value) for name, value in xattrs.items())
    return Entry(os.fsdecode(path), "folder", "", mode, named)


def link(path: str | bytes, target: str | bytes) -> Entry:
    return Entry(os.fsdecode(path), "link", os.fsdecode(target))


def hard(path: str, other: str) -> Entry:
    return Entry(os.fsdecode(path), "hard", other)


def special(path: str, kind: str) -> Entry:
    return Entry(os.fsdecode(path), kind)


def make(root: Path, entries: Iterable[Entry]) -> None:
    """Make the entries below a folder; modes of directories last."""
    late = []
    for entry in entries:
        place = root / entry.path
        (place if entry.kind == "folder" else place.parent).mkdir(parents=True, exist_ok=True)
        _make(root, place, entry)
        for name, value in entry.xattrs:
            os.setxattr(place, name, value)
        if entry.mode is not None:
            late.append((place, entry.mode))
    for place, mode in late:
        place.chmod(mode)


def _make(root: Path, place: Path, entry: Entry) -> None:
    match entry.kind:
        case "file":
            place.write_text(entry.text)
        case "link":
            place.symlink_to(entry.text)
        case "hard":
            place.hardlink_to(root / entry.text)
        case "pipe":
            os.mkfifo(place, 0o640)
        case "device":
            os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        case "socket":
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(place))


@dataclass(frozen=True)
class Compared:
    """A build, and each selection of local files in it: who asked, and whether the daemon has our digest.

    `agrees` None: it was not to be known, because the build failed for another reason.
    """

    build: subprocess.CompletedProcess[str]
    found: tuple[tuple[str, bool | None], ...]
    errors: tuple[str, ...]

    @property
    def failed_on_files(self) -> bool:
        """Whether BuildKit could not make sense of what was selected."""
        return bool(self.build.returncode) and any(text in self.build.stderr for text in REFUSALS)


def compare(
    daemon: DebugDaemon,
    context: Path,
    *options: str,
    named: Mapping[str, Path] | None = None,
    fresh: bool = True,
) -> Compared:
    """Build a context and look for our digests in the store; `fresh`: the daemon has no copy of a context."""
    if fresh:
        daemon.buildctl("prune", "--filter", "type==source.local")
    given = list(options)
    for name, place in (named or {}).items():
        given += ["--local", f"{name}={place}", "--opt", f"context:{name}=local:{name}"]
    built = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0", "--progress", "plain"),
        *("--local", f"context={context}", "--local", f"dockerfile={context}", *given),
    )
    trees = {name: _tree(place) for name, place in {"context": context, **(named or {})}.items()}
    return _look_up(daemon, built, convert(daemon, context, *given).out, trees)


def _tree(place: Path) -> HashedTree:
    rules = place / ".dockerignore"
    return HashedTree(place, Ignore.read(rules.read_text() if rules.exists() else ""), None)


def _look_up(
    daemon: DebugDaemon,
    built: subprocess.CompletedProcess[str],
    graph_text: str,
    trees: Mapping[str, HashedTree],
) -> Compared:
    graph = read_graph(graph_text)
    store = _Links(daemon)
    found: list[tuple[str, bool | None]] = []
    errors = []
    for op in graph.ops:
        key = op_key(op, PLATFORM)
        for number, (source, _) in enumerate(op.inputs):
            body = graph.op(source).body
            name = str(body.get("identifier", "")).removeprefix("local://")
            if key is None or name not in trees or key.inputs[number].selections is None:
                continue
            try:
                digest = content_digest(trees[name], key.inputs[number].selections or (), follow_paths(body))
            except ContentError as error:
                errors.append(str(error))
                continue
            linked = store.contents(record_key(key.digest, 0), number)
            known = record_key(digest, -1) in linked
            found.append((op.name, known if known or not built.returncode else None))
    return Compared(built, tuple(found), tuple(errors))


class _Links:
    """The daemon's records: which content keys lead to which step."""

    def __init__(self, daemon: DebugDaemon) -> None:
        self._records = daemon.store()
        self._by_id = {record["id"]: record for record in self._records}

    def contents(self, step: str, number: int) -> set[str]:
        """The keys without selector under which a step's input was stored."""
        return {
            self._by_id[parent["target"]].get("digest", "")
            for record in self._records
            for parent in record.get("parents") or ()
            if parent["digest"] == step
            and parent["input"] == number
            and not parent.get("selector")
            and parent["target"] in self._by_id
        }


NAMES = (
    "a",
    "b",
    "ab",
    "a-b",
    "a.txt",
    "b.txt",
    "ü",
    "日本",
    "a b",
    "[x]",
    "new\nline",
    "\udcffz",
    "x\udce9",
)
PATTERNS = ("*.txt", "**/*.txt", "a", "**/b", "a/*", "!a/b", "**", "ab/**", "*/a", "?", "[a-b]*", "\\a")


def some_tree(dice: random.Random) -> list[Entry]:
    """A few dozen entries of all kinds, links that lead anywhere among them."""
    folders = [""]
    entries: dict[str, Entry] = {}
    for _ in range(dice.randint(1, 24)):
        path = dice.choice(folders) + dice.choice(NAMES)
        if path in entries:
            continue
        what = dice.random()
        if what < 0.35:
            mode = dice.choice((0o755, 0o755, 0o700, 0o2775, 0o1777))
            entries[path] = folder(path, mode)
            folders.append(path + "/")
        elif what < 0.6:
            entries[path] = link(path, _somewhere(dice, path, list(entries)))
        else:
            text = "x" * dice.choice((0, 1, 5000)) + str(dice.random())
            entries[path] = file(path, text, dice.choice((0o644, 0o755, 0o600, 0o4755, 0o444)))
    return list(entries.values())


def _somewhere(dice: random.Random, path: str, known: list[str]) -> str:
    target = dice.choice([*known, "gone", ".", "..", "/", path]) if dice.random() < 0.9 else "../../../a"
    up = "../" * path.count("/")
    return dice.choice(("/", up, "./", "")) + target + dice.choice(("", "", "/", "/."))


def some_copies(dice: random.Random, entries: list[Entry]) -> list[str]:
    """COPY instructions, each into a directory of its own, that select among the entries."""
    paths = [entry.path for entry in entries]
    plain = [path for path in paths if path.isprintable() and not set(path) & set(" []") and path.isascii()]
    copies = []
    for number in range(dice.randint(1, 3)):
        sources = [_source(dice, plain) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        flags = ""
        if dice.random() < 0.35:
            flags += "".join(f"--exclude={dice.choice(PATTERNS)} " for _ in range(dice.randint(1, 2)))
        if dice.random() < 0.25:
            flags += "--parents "
        copies.append(f"COPY {flags}{' '.join(sources)} /to{number}/")
    return copies


def _source(dice: random.Random, plain: list[str]) -> str:
    path = dice.choice([*plain, "."] if dice.random() < 0.97 else ["gone", "a/gone"])
    what = dice.random()
    if what < 0.25:
        return dice.choice(("*", "*.txt", "a*", "*/*", "?", "[^a]*", "a/*", "**/b", f"{path}/*"))
    if what < 0.3:
        return f"{path}/./{dice.choice(('*', 'a', '**'))}"
    return path + dice.choice(("", "", "/"))
