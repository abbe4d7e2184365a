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

from fastbuild.hierarchy import ancestors
from fastbuild.reorder.paths import PathSet, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Context
    from fastbuild.context.tree import ContextFile
    from fastbuild.reorder.paths import Origin

_WILD = re.compile(r"(?<!\\)[*?\[]")
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.\w+|gz|bz2|xz|zst)$", re.IGNORECASE)
_REMOTE = re.compile(r"https?://|git@|git://|ssh://")
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd", b"\x50\x2a\x4d\x18")
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
        opaque = bool(step.sources) or not step.instruction.heredocs
        return Copied(writes=_tree(step, target, makes, how), makes=makes, opaque=opaque)
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
    return step.keyword == "ADD" and any(_unpacks(s, context) for s in sources)


def _unpacks(source: str, context: Context) -> bool:
    """Whether ADD takes a named source for an archive: BuildKit looks at the content, whatever the name."""
    if _ARCHIVE.search(source):
        return True
    listed = context.files()
    for path in resolve(source, listed):
        end = _followed(path, listed)
        if end in listed and listed[end].kind == "file":
            raw = context.read(end)
            if raw is None or raw.startswith(_MAGIC) or raw[257:262] == b"ustar":
                return True
    return False


def _how(step: Step) -> str:
    flags = step.instruction
    chmod = step.expanded(flags.flag("chmod") or "")
    mode = chmod.lstrip("0").zfill(4) if chmod.isdigit() else chmod or "0755"
    link = f" linked {flags.index}" if _is_linked(step) else ""
    return f"{mode} {step.expanded(flags.flag('chown') or '')}{link}".strip()


def _is_linked(step: Step) -> bool:
    return any(flag.name == "link" for flag in step.instruction.flags)


def _exact(step: Step, context: Context, target: str, slash: bool, makes: dict[str, str], how: str) -> Copied:
    listed = context.files()
    found: dict[str, str] = {}
    trees: set[str] = set()
    for source in step.sources:
        matched = tuple(resolve(source, listed))
        wild = _WILD.search(source)
        if not matched or _has_hidden_matches(source, listed):
            # the build will fail, or what is behind a link is copied
            return Copied(writes=_tree(step, target, makes, how), makes=makes, opaque=True)
        for path in matched:
            if path and (is_directory(path, listed) is None or (wild and listed[path].kind == "link")):
                trees.add(target)
            elif not path or is_directory(path, listed):
                makes[target] = how
                found |= _below(_followed(path, listed), target, listed)
            else:
                if not slash:  # into it, if it is a directory by then
                    trees.add(target)
                into = posixpath.join(target, posixpath.basename(path)) if slash else target
                found[into] = _followed(path, listed)
    mark = (
        step.expanded(step.instruction.flag("chmod") or ""),
        step.expanded(step.instruction.flag("chown") or ""),
    )
    entries = {canonical(to): _origin(listed[name], mark) for to, name in found.items()}
    makes.pop("/", None)
    if _is_linked(step):
        entries = _directories(makes, how) | entries
    elif not entries:
        entries = _directories([path for path in makes if path == target], how)
    return Copied(
        writes=PathSet(trees=frozenset(trees), entries=entries),
        makes=makes,
        files={canonical(to): name for to, name in found.items()},
        exact=not trees,
        links=frozenset(canonical(to) for to, name in found.items() if listed[name].kind == "link"),
    )


def _directories(paths: Iterable[str], how: str) -> dict[str, Origin]:
    return dict.fromkeys(paths, ("directory", "", how))


def _tree(step: Step, target: str, makes: Mapping[str, str], how: str) -> PathSet:
    """All below `target`. A linked copy has a layer of its own, whose directories replace what was there."""
    entries = _directories(makes, how) if _is_linked(step) else {}
    return PathSet(trees=frozenset({target}), entries=entries)


def _below(source: str, target: str, listed: Mapping[str, ContextFile]) -> dict[str, str]:
    """A directory's contents, by where they go."""
    prefix = f"{source}/" if source else ""
    below = (name for name in listed if name.startswith(prefix) and name != source)
    return {posixpath.join(target, name[len(prefix) :]): name for name in below}


def _has_hidden_matches(source: str, listed: Mapping[str, ContextFile]) -> bool:
    """Whether a pattern may match something behind a link to a directory, which nobody has listed."""
    clean = source.strip("/")
    if not _WILD.search(clean):
        return False
    return any(file.kind == "link" and path.count("/") < clean.count("/") for path, file in listed.items())


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
