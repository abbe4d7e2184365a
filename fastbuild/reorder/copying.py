"""What COPY and ADD write: each entry with the file of the context it comes from.

The rules are those of BuildKit's file operation (solver/llbsolver/file/backend.go) and fsutil's copy: a
directory's contents go into the destination; missing parents and the destination itself are made with mode
0755 (or `--chmod`) and `--chown`; the mode and owner of directories further down are always set anew; files
and links are replaced, never written through.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.reorder.paths import PathSet, ancestors, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Context
    from fastbuild.context.tree import ContextFile
    from fastbuild.reorder.paths import Origin

_WILD = re.compile(r"(?<!\\)[*?\[]")
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.\w+|gz|bz2|xz|zst)$", re.IGNORECASE)
_REMOTE = re.compile(r"https?://|git@|git://|ssh://")
_COARSE = frozenset({"parents", "exclude", "unpack"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """`files` maps each written entry to its path in the context; `makes` each directory that is made if
    absent to how (mode and owner). `exact` tells that nothing else is written. `links` are symbolic
    links among the entries; `opaque` tells that there may be others (an unpacked archive)."""

    writes: PathSet
    makes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    exact: bool = False
    links: frozenset[str] = frozenset()
    opaque: bool = False


def copied(step: Step, context: Context | None) -> Copied | None:
    """What this COPY or ADD writes; None if not even its destination is known."""
    target = step.destination
    if target is None or "$" in target:
        return None
    slash = target.endswith("/")
    target = canonical(target)
    how = _how(step)
    makes = {path: how for path in (*ancestors(target), *((target,) if slash else ())) if path != "/"}
    if _is_coarse(step, context):
        archive = step.keyword == "ADD" and any(_ARCHIVE.search(s) for s in step.sources)
        opaque = (
            archive
            or step.instruction.flag("from") is not None
            or step.instruction.flag("unpack") is not None
        )
        return Copied(writes=PathSet(trees=frozenset({target})), makes=makes, opaque=opaque)
    assert context is not None
    return _exact(step, context, target, slash, makes, how)


def _is_coarse(step: Step, context: Context | None) -> bool:
    instruction = step.instruction
    flags = {flag.name for flag in instruction.flags}
    if context is None or "from" in flags or flags & _COARSE or instruction.heredocs:
        return True
    sources = step.sources
    if any("$" in s or _REMOTE.match(s) for s in sources):
        return True
    return step.keyword == "ADD" and any(_ARCHIVE.search(s) for s in sources)


def _how(step: Step) -> str:
    flags = step.instruction
    chmod = flags.flag("chmod") or ""
    mode = chmod if chmod.isdigit() else "0755"
    link = f" linked {flags.index}" if flags.flag("link") is not None else ""
    return f"{mode} {step.expanded(flags.flag('chown') or '')}{link}".strip()


def _exact(step: Step, context: Context, target: str, slash: bool, makes: dict[str, str], how: str) -> Copied:
    listed = context.files()
    found: dict[str, str] = {}
    trees: set[str] = set()
    mark = (step.instruction.flag("chmod") or "", step.expanded(step.instruction.flag("chown") or ""))
    for source in step.sources:
        matched = tuple(resolve(source, listed))
        if not matched and not _WILD.search(source):
            return Copied(writes=PathSet(trees=frozenset({target})), makes=makes)  # the build will fail
        for path in matched:
            if path and is_directory(path, listed) is None:
                trees.add(target)
            elif not path or is_directory(path, listed):
                makes[target] = how
                below = _followed(path, listed)
                prefix = f"{below}/" if below else ""
                for name in listed:
                    if name.startswith(prefix) and name != below:
                        found[posixpath.join(target, name[len(prefix) :])] = name
            elif slash:
                found[posixpath.join(target, posixpath.basename(path))] = path
            else:  # into it, if it is a directory by then
                found[target] = path
                trees.add(target)
    entries = {canonical(to): _origin(listed[name], mark) for to, name in found.items()}
    links = frozenset(canonical(to) for to, name in found.items() if listed[name].kind == "link")
    makes.pop("/", None)
    return Copied(
        writes=PathSet(trees=frozenset(trees), entries=entries),
        makes=makes,
        files={canonical(to): name for to, name in found.items()},
        exact=not trees,
        links=links,
    )


def _origin(file: ContextFile, mark: tuple[str, str]) -> Origin:
    return (file.kind, file.path, *mark)


def resolve(source: str, listed: Mapping[str, ContextFile]) -> Iterator[str]:
    """The context's paths that a source names; "" is the context itself.

    Wildcards as Go's filepath.Match, component by component.
    """
    clean = posixpath.normpath("/" + source.strip("/")).lstrip("/")
    if not _WILD.search(clean):
        if clean in listed or not clean:
            yield clean
        return
    pattern = go_pattern(clean)
    depth = clean.count("/")
    for name in listed:
        if name.count("/") == depth and pattern.fullmatch(name):
            yield name


@lru_cache(maxsize=256)
def go_pattern(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match as a regular expression (https://pkg.go.dev/path/filepath#Match)."""
    found = []
    rest = pattern
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "*":
            found.append("[^/]*")
        elif char == "?":
            found.append("[^/]")
        elif char == "\\" and rest:
            found.append(re.escape(rest[0]))
            rest = rest[1:]
        elif char == "[" and (closed := re.match(r"\^?(?:\\.|[^\]\\])+\]", rest)):
            inner = closed[0]
            found.append("[" + (("^/" + inner[1:]) if inner[0] == "^" else inner.replace("[", r"\[")))
            rest = rest[len(inner) :]
        else:
            found.append(re.escape(char))
    return re.compile("".join(found), re.DOTALL)


def _followed(path: str, listed: Mapping[str, ContextFile]) -> str:
    """A named source that is a link leads to its target."""
    for _ in range(40):
        if path not in listed or listed[path].kind != "link":
            break
        target = listed[path].target
        start = "" if target.startswith("/") else posixpath.dirname(path)
        path = posixpath.normpath(posixpath.join("/", start, target.lstrip("/"))).lstrip("/")
    return path


def is_directory(path: str, listed: Mapping[str, ContextFile]) -> bool | None:
    """Whether a source is a directory, links followed; None if that leads nowhere."""
    end = _followed(path, listed)
    if not end:
        return True
    return listed[end].kind == "directory" if end in listed else None
