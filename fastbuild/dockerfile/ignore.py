"""Which files of a build context its ignore file leaves out, decided as BuildKit decides it.

Sources: moby/patternmatcher v0.6.1 (`ignorefile.ReadAll`, `New`, `MatchesUsingParentResults`), the walk of
tonistiigi/fsutil (`filterFS.Walk`), and for the choice of the file dockerui/config.go of BuildKit v0.34.1.

BuildKit fetches the Dockerfile and the ignore file by themselves, whatever the patterns say. The files
that `COPY . .` sees are another matter: the two are among them unless a pattern leaves them out.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import BLANK
from fastbuild.errors import UsageError
from fastbuild.hierarchy import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DEFAULT_NAME = ".dockerignore"
LONGEST_LINE = 64 * 1024 - 1
"""Bytes; Go's line scanner refuses longer ones."""
_GLOB = frozenset("*[]?^\\")


def ignore_file(dockerfile: str | None, exists: Callable[[str], bool]) -> str | None:
    """The ignore file that counts: `DOCKERFILE.dockerignore` if it exists, else the context's, else None.

    `exists` gets `dockerfile` with the suffix, and the plain name, which is relative to the context. An
    additional context (`dockerfile` None) has its own `.dockerignore` alone.
    """
    names = (DEFAULT_NAME,) if dockerfile is None else (dockerfile + DEFAULT_NAME, DEFAULT_NAME)
    return next((name for name in names if exists(name)), None)


def _numbered(text: str, name: str) -> Iterator[tuple[int, str]]:
    """The patterns of an ignore file, cleaned, exceptions with `!`; each with its line's number."""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if len(raw) > LONGEST_LINE // 4 and len(raw.encode("utf-8", "surrogatepass")) > LONGEST_LINE:
            raise UsageError(f"{name}:{number}: the line is too long", fix="keep lines below 64 KiB")
        line = raw.strip(BLANK)
        if raw.startswith("#") or not line:
            continue
        excepts = line.startswith("!")
        pattern = line[1:].strip(BLANK) if excepts else line
        if pattern:
            pattern = _clean(pattern)
            pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        yield number, "!" + pattern if excepts else pattern


def _clean(path: str) -> str:
    """Go's `filepath.Clean`; `normpath` differs for two leading slashes alone."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


class _Rule:
    """One pattern; compiled when first compared, as BuildKit finds some errors only then."""

    __slots__ = ("_matches", "base", "excepts", "text", "where")

    def __init__(self, pattern: str, where: str) -> None:
        from fastbuild.dockerfile.pattern import is_malformed  # most contexts have no patterns

        cleaned = _clean(pattern)
        self.where = where
        self.excepts = cleaned.startswith("!")
        self.text = cleaned[1:] if self.excepts else cleaned
        self._matches: Callable[[str], bool] | None = None
        if not self.text or is_malformed(self.text):
            raise self._bad(pattern)
        self.base = self.text.removesuffix("/**").removesuffix("/*")

    def matches(self, path: str) -> bool:
        return (self._matches or self.compile())(path)

    def compile(self) -> Callable[[str], bool]:
        if self._matches is None:
            from fastbuild.dockerfile.pattern import compile_pattern

            try:
                self._matches = compile_pattern(self.text)
            except ValueError as error:
                raise self._bad(self.text, str(error)) from error
        return self._matches

    def _bad(self, pattern: str, why: str = "") -> UsageError:
        return UsageError(
            f"{self.where}: bad pattern {pattern!r}{': ' + why if why else ''}",
            fix="close brackets, and put a backslash only before a character that has a meaning",
        )


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a directory is ignored, whether a walk stops there, and which rules matched it."""

    ignored: bool
    closed: bool
    matched: tuple[bool, ...]


_OPEN = _Verdict(False, False, ())
_CLOSED = _Verdict(True, True, ())


class Ignore:
    """The patterns of an ignore file as a test of paths.

    Paths are relative to the context, slash-separated, without `.` and `..`. Verdicts on directories are
    remembered. Raises UsageError, naming the pattern, for one that BuildKit calls a syntax error: here or,
    like BuildKit, when the pattern is first compared with a path.
    """

    __slots__ = ("_directories", "_exceptions", "_literal_exceptions", "_rules", "_sorted")

    def __init__(self, patterns: Iterable[str], wheres: Iterable[str] | None = None) -> None:
        given = [pattern.strip(BLANK) for pattern in patterns]
        places = list(wheres) if wheres is not None else [DEFAULT_NAME] * len(given)
        self._rules = tuple(_Rule(p, where) for p, where in zip(given, places, strict=True) if p)
        self._exceptions = tuple(rule for rule in self._rules if rule.excepts)
        self._literal_exceptions = all(_GLOB.isdisjoint(rule.base) for rule in self._exceptions)
        self._sorted: tuple[frozenset[str], tuple[_Rule, ...]] | None = None
        self._directories = {"": _OPEN}

    @classmethod
    def read(cls, text: str, name: str = DEFAULT_NAME) -> Ignore:
        """The rules of an ignore file's text; errors begin with `name` and the line's number."""
        numbered = list(_numbered(text, name))
        return cls((p for _, p in numbered), (f"{name}:{number}" for number, _ in numbered))

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self._rules)

    def ignores(self, path: str) -> bool:
        """Whether the file or directory is left out. A directory can be, and hold files that are not."""
        if not self._rules:
            return False
        above = self._directory(path.rpartition("/")[0])
        return above.closed or self._compare(path, above)[0]

    def may_contain(self, directory: str) -> bool:
        """Whether a walk enters the directory: it is not ignored, or an exception may be inside."""
        return not self._directory(directory).closed

    def _directory(self, path: str) -> _Verdict:
        known = self._directories.get(path)
        if known is not None:
            return known
        above = self._directory(path.rpartition("/")[0])
        if above.closed or not self._rules:
            verdict = above
        else:
            ignored, matched = self._compare(path, above)
            closed = ignored and not self._excepts_below(path)
            verdict = _CLOSED if closed else _Verdict(ignored, False, matched)
        self._directories[path] = verdict
        return verdict

    def _compare(self, path: str, above: _Verdict) -> tuple[bool, tuple[bool, ...]]:
        """The last rule that matches decides; rules that matched a directory match all below it."""
        if not self._exceptions:
            names, others = self._sorted or self._sort()
            return path in names or any(rule.matches(path) for rule in others), ()
        ignored = False
        results = []
        for index, rule in enumerate(self._rules):
            matches = bool(above.matched) and above.matched[index]
            # a rule that could change nothing is not compared: then it counts as unmatched below, too
            if not matches and rule.excepts == ignored:
                matches = rule.matches(path)
            results.append(matches)
            if matches:
                ignored = not rule.excepts
        return ignored, tuple(results)

    def _sort(self) -> tuple[frozenset[str], tuple[_Rule, ...]]:
        """Literal names apart, for speed: without exceptions only errors depend on the order."""
        names = frozenset(rule.text for rule in self._rules if _GLOB.isdisjoint(rule.text))
        try:
            for rule in self._rules:
                rule.compile()
        except UsageError:
            names = frozenset()
        self._sorted = names, tuple(rule for rule in self._rules if rule.text not in names)
        return self._sorted

    def _excepts_below(self, directory: str) -> bool:
        if not self._exceptions:
            return False
        if not self._literal_exceptions:
            return True
        return any(covers(directory, rule.base) for rule in self._exceptions)
