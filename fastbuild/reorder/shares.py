"""How often each step changes: from the commits of a repository, jointly, or by stated assumptions.

A commit is one bit. A step's bits are the commits that change it itself: the files it copies, the values it
sets.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reorder.copying import go_pattern
from fastbuild.reorder.tools.environment import is_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastbuild.analysis.facts import Step

_MANIFESTS = re.compile(
    r"(.*/)?(requirements/[^/]+|requirements[\w.-]*\.(txt|in)|constraints[\w.-]*\.txt|pyproject\.toml|setup\.(py|cfg)|uv\.lock|poetry\.lock|Pipfile(\.lock)?"
    r"|package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-(lock|workspace)\.yaml|\.npmrc|\.yarnrc(\.yml)?"
    r"|go\.(mod|sum|work)|Cargo\.(toml|lock)|pom\.xml|.*\.gradle(\.kts)?|gradle\.(properties|lockfile)|composer\.(json|lock)"
    r"|Gemfile(\.lock)?|.*\.csproj|packages\.lock\.json|go\.work\.sum|\.mvn/.*|mvnw|gradle/.*|gradlew"
    r"|\.yarn/.*|patches/.*\.(patch|diff)|(apt|apk|system)?[._-]?(packages|requirements)\.txt|apt(-get)?\.txt"
    r"|rust-toolchain(\.toml)?|\.cargo/config(\.toml)?|\.(python|node|ruby|java)-version|\.nvmrc)"
)
_DOCUMENTS = re.compile(r".*\.(md|rst|adoc)|LICENSE.*|docs?/.*|\.github/.*", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"[\"']?(dev|development|local|unknown|none|latest|snapshot|0(\.0)*(-\w+)?)?[\"']?", re.I
)
"""Defaults that CI replaces."""
_VERSION = re.compile(r"(.*_)?(VERSION|RELEASE|VER)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """What each commit changed: paths relative to the context. `assumed` if nobody measured it."""

    paths: tuple[frozenset[str], ...]
    assumed: bool = False

    @property
    def count(self) -> int:
        """How many."""
        return len(self.paths)

    @property
    def all(self) -> int:
        """The bits of all of them."""
        return (1 << self.count) - 1


def assumed(files: Sequence[str]) -> Commits:
    """Twenty-five commits as they usually are: 20 change sources, 1 the dependencies, 4 documents."""
    kinds: dict[str, set[str]] = {kind: set() for kind in ("code", "dependency", "docs")}
    for path in files:
        kinds[kind_of_file(path)].add(path)
    sources, manifests, documents = (frozenset(kind) for kind in kinds.values())
    return Commits(paths=(sources,) * 20 + (manifests,) + (documents,) * 4, assumed=True)


def kind_of_file(path: str) -> str:
    """`dependency` for what package managers read, `docs` for documents, else `code`; by the name alone."""
    return "dependency" if _MANIFESTS.fullmatch(path) else "docs" if _DOCUMENTS.fullmatch(path) else "code"


def changes(
    step: Step, commits: Commits, ignores: Callable[[str], bool], stage_bits: Callable[[str], int]
) -> int:
    """The bits of the commits that change this step itself.

    `ignores` tells paths that `.dockerignore` drops; `stage_bits` gives the bits of a stage that
    `--from` names (all its steps: an upper bound, since BuildKit compares what is copied).
    """
    instruction = step.instruction
    if step.keyword in ("ENV", "ARG"):
        return _variable_bits(step, commits)
    bits = 0
    patterns: list[str] = []
    source = instruction.flag("from")
    if step.keyword in ("COPY", "ADD"):
        if source is not None:
            return stage_bits(source)
        patterns += step.sources
    for mount in instruction.mounts():
        if mount["type"] == "bind" and "from" not in mount:
            patterns.append(mount.get("source") or mount.get("src") or ".")
        elif "from" in mount:
            bits |= stage_bits(mount["from"])
    return bits | _path_bits(patterns, commits, ignores)


def _path_bits(patterns: Sequence[str], commits: Commits, ignores: Callable[[str], bool]) -> int:
    wanted = [_covering(pattern) for pattern in patterns]
    if not wanted:
        return 0
    verdicts: dict[str, bool] = {}
    bits = 0
    for at, paths in enumerate(commits.paths):
        for path in paths:
            if path not in verdicts:
                verdicts[path] = any(w.match(path) for w in wanted) and not ignores(path)
            if verdicts[path]:
                bits |= 1 << at
                break
    return bits


def _covering(source: str) -> re.Pattern[str]:
    """Matches every path that is the source or below it."""
    clean = posixpath.normpath("/" + source.strip("/")).lstrip("/")
    return re.compile(f"(?:{go_pattern(clean).pattern})(?:/|$)" if clean else "")


def named(value: str | None) -> list[str]:
    """The variables that a value names."""
    return re.findall(r"\$\{?(\w+)", value or "")


def is_stamped(name: str, value: str | None) -> bool:
    """Whether a variable's value names the commit, the build or its date, and so changes with each."""
    return any(is_stamp(each) for each in (name, *named(value)))


def _variable_bits(step: Step, commits: Commits) -> int:
    """A value that names the commit changes with each, a version that CI gives with every tenth."""
    bits = 0
    for name, value in step.instruction.pairs():
        if is_stamped(name, value):
            return commits.all
        given = value is None or _PLACEHOLDER.fullmatch(value)
        if step.keyword == "ARG" and _VERSION.fullmatch(name) and given:
            bits |= sum(1 << at for at in range(0, commits.count, 10))
    return bits
