"""The build context in each commit of a history: what a checkout would hold and the ignore file leaves in."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild import git
from fastbuild.dockerfile.ignore import Ignore, ignore_file
from fastbuild.errors import UsageError
from fastbuild.git import eol
from fastbuild.git.commits import Commit, newest_commits
from fastbuild.git.objects import Objects
from fastbuild.pipeline.commit_tree import Blobs, CommitTree, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fastbuild.git.blob_digests import BlobDigests
    from fastbuild.git.eol import LineEnds

ATTRIBUTES = ".gitattributes"
GIT = ".git/HEAD"
"""Stands for all that git keeps in a clone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a build's files are: the work tree's root, and below it the context, "" for the root itself."""

    root: Path
    git_dir: Path
    context: str

    @classmethod
    def of(cls, context: Path) -> Place:
        """Raises UsageError for a directory in no repository."""
        found = git.find(context)
        if found is None:
            raise UsageError(f"{context} is in no git repository", fix="clone the project with git")
        root, git_dir = found
        inside = context.resolve().relative_to(root.resolve()).as_posix()
        return cls(root=root, git_dir=git_dir, context="" if inside == "." else inside)

    def path_of(self, file: Path) -> str:
        """A file's path from the root; empty if it lies outside."""
        try:
            return file.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The context in one commit. `id` tells one content from another, under the same `rules`."""

    id: str
    files: CommitTree
    rules: Rules


class History:
    """The commits of a repository, oldest first, and their trees. To be closed.

    `sends_git` is set once `.git` was found to be sent; `not_followed` are paths that a checkout changes in
    a way that is not followed, with the attribute.
    Raises EngineError where git can't be run, UsageError for a ref or an object that isn't there.
    """

    def __init__(self, place: Place, ref: str, count: int, known: BlobDigests) -> None:
        self.place = place
        self.commits: tuple[Commit, ...] = newest_commits(place.root, ref, count)
        self.objects = Objects(place.root)
        self.blobs = Blobs(self.objects, known)
        self.not_followed: dict[str, str] = {}
        self.sends_git = False
        self._rules: dict[tuple[str, int], Rules] = {}
        self._attributes: dict[str, tuple[tuple[str, str], ...]] = {}
        try:
            self.trees = tuple(self.objects.root_of(commit.id) for commit in self.commits)
            self._ends = self._line_ends()
        except BaseException:
            self.objects.close()
            raise

    def close(self) -> None:
        """Keep the digests that were computed, and end git."""
        self.blobs.known.save()
        self.objects.close()

    def file(self, number: int, path: str) -> bytes | None:
        """A regular file's bytes in the commit of that number; None if there is none."""
        return self._file(self.trees[number], path)

    def context(self, number: int, dockerfile: str, text: bytes | None, *, cloned: bool) -> Context | str:
        """The context in the commit of that number, or why there is none.

        `dockerfile` is the Dockerfile's path from the root (empty: not in the repository); with `text`
        it has that content. `cloned`: there is a `.git`, other in each commit, as in CI. Raises
        UsageError for a bad pattern in the commit's ignore file.
        """
        tree = self.trees[number]
        if text is not None and dockerfile:
            tree = self.objects.with_file(tree, dockerfile, text)
        rules = self._rules_for(number, tree, dockerfile)
        if cloned and not self.place.context and rules.sent(GIT):
            self.sends_git = True
            tree = self.objects.with_file(tree, GIT, self.commits[number].id.encode())
        top = self.objects.find(tree, self.place.context)
        if top is None or top.kind != "directory":
            return f"there is no directory {self.place.context}"
        return Context(id=top.id, files=CommitTree(top.id, rules), rules=rules)

    def changed(self, before: Context, now: Context) -> tuple[str, ...]:
        """The files that differ and are sent in the later one, or would be."""
        return tuple(path for path in self.objects.changed(before.id, now.id) if now.rules.sent(path))

    def _rules_for(self, number: int, tree: str, dockerfile: str) -> Rules:
        def path_of(name: str) -> str:
            # the Dockerfile's own ignore file lies beside it, the other one in the context
            return name if dockerfile and name.startswith(dockerfile) else self._in_context(name)

        name = ignore_file(dockerfile or None, lambda name: self._file(tree, path_of(name)) is not None)
        data = self._file(tree, path_of(name)) if name else None
        text = (data or b"").decode("utf-8", "surrogateescape")
        key = text, self._ends[number][0]
        rules = self._rules.get(key)
        if rules is None:
            ignore = Ignore.read(text, name or "")
            rules = self._rules[key] = Rules(self.blobs, ignore, self._ends[number][1])
        return rules

    def _in_context(self, path: str) -> str:
        return posixpath.join(self.place.context, path)

    def _file(self, tree: str, path: str) -> bytes | None:
        entry = self.objects.find(tree, path)
        return self.objects.blob(entry.id) if entry is not None and entry.kind == "file" else None

    def _line_ends(self) -> list[tuple[int, Mapping[str, LineEnds]]]:
        """For each commit the number of its set of attributes, and the files that these convert."""
        given = eol.settings(self.place.root, self.place.git_dir)
        sets = [self._attributes_of(tree) for tree in self.trees]
        if not any(sets) and not given.elsewhere and not given.crlf:
            return [(0, {}) for _ in self.trees]
        numbers = {each: number for number, each in enumerate(dict.fromkeys(sets), 1)}
        found: dict[int, Mapping[str, LineEnds]] = {}
        for each, number in numbers.items():
            members = [tree for tree, own in zip(self.trees, sets, strict=True) if own == each]
            found[number] = self._converted(members, given)
        return [(numbers[each], found[numbers[each]]) for each in sets]

    def _converted(self, trees: Sequence[str], given: eol.Settings) -> Mapping[str, LineEnds]:
        tops = [self.objects.find(tree, self.place.context) for tree in trees]
        ids = [top.id if top is not None and top.kind == "directory" else "" for top in tops]
        paths: set[str] = set()
        for before, after in zip(("", *ids), ids, strict=False):
            paths.update(self.objects.changed(before, after))
        asked = [self._in_context(path) for path in sorted(paths)]
        done = eol.converted(self.place.root, trees[0], asked, given)
        self.not_followed |= done.others
        start = len(self._in_context("")) if self.place.context else 0
        return {path[start:]: ends for path, ends in done.ends.items()}

    def _attributes_of(self, tree: str) -> tuple[tuple[str, str], ...]:
        """Paths and blobs of all attribute files that count for the context."""
        found: list[tuple[str, str]] = []
        above = ""
        for name in (*filter(None, self.place.context.split("/")),):
            entry = self.objects.find(tree, f"{above}/{ATTRIBUTES}")
            found += [(above, entry.id)] if entry is not None else []
            above = f"{above}/{name}"
        top = self.objects.find(tree, self.place.context)
        if top is not None and top.kind == "directory":
            found += [(f"{above}/{path}", id) for path, id in self._attributes_below(top.id)]
        return tuple(found)

    def _attributes_below(self, top: str) -> tuple[tuple[str, str], ...]:
        """A stack instead of recursion: directories nest deeper than Python's calls."""
        known, pending = self._attributes, [top]
        while pending:
            entries = self.objects.tree(pending[-1])
            folders = {name: entry.id for name, entry in entries.items() if entry.kind == "directory"}
            missing = [id for id in folders.values() if id not in known]
            if missing:
                pending += missing
                continue
            own = entries.get(ATTRIBUTES)
            found = [(ATTRIBUTES, own.id)] if own is not None and own.kind == "file" else []
            found += [(f"{name}/{path}", id) for name, below in folders.items() for path, id in known[below]]
            known[pending.pop()] = tuple(found)
        return known[top]
