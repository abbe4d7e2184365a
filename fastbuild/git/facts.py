"""Facts from the local git repository: `read` for names, `is_dirty` and `merge_base` on demand.

`read` starts no program in an ordinary repository: the few files it needs are small and documented
(https://git-scm.com/docs/gitrepository-layout), a git process costs more than all of them together, and
"dubious ownership" doesn't stop a reader. The reftable format is left to git itself. Nothing here raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.ci import repository_name
from fastbuild.errors import EngineError
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 10.0
"""Seconds a git process may take; a huge work tree on a slow disk gives an unknown, not a wait."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFacts:
    """What the repository says; None is "unknown".

    `repository` is `owner/name` of the remote `origin`, `branch` is None on a detached HEAD, `default_branch`
    is what origin/HEAD names, else main or master if one exists. `shallow`: history is cut off.
    """

    root: Path
    repository: str | None = None
    branch: str | None = None
    default_branch: str | None = None
    sha: str | None = None
    shallow: bool = False


def read(path: Path) -> GitFacts | None:
    """The facts of the repository that holds `path`; None when there is none."""
    found = find(path)
    if found is None:
        return None
    root, git_dir = found
    common = _common_dir(git_dir)
    if (common / "reftable").is_dir():
        return _read_by_git(root, common)
    refs = _Refs(git_dir=git_dir, common=common, packed=_packed(common))
    head = (_text(git_dir / "HEAD") or "").strip()
    ref = head.removeprefix("ref: ") if head.startswith("ref: ") else ""
    default = (_text(common / "refs/remotes/origin/HEAD") or "").strip()
    return GitFacts(
        root=root,
        repository=_origin(common),
        branch=ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None,
        default_branch=_after(default, "ref: refs/remotes/origin/") or _usual_default(refs),
        sha=refs.sha(ref) if ref else head if _SHA.fullmatch(head) else None,
        shallow=(common / "shallow").is_file(),
    )


def is_dirty(root: Path) -> bool | None:
    """Whether tracked files differ from HEAD; None when git is absent, refuses or takes too long."""
    status = _git(root, "status", "--porcelain", "--untracked-files=no")
    return None if status is None else bool(status)


def merge_base(root: Path, branch: str) -> str | None:
    """The commit where HEAD left `branch` (origin's, else the local one); None when not in this clone."""
    for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        commit = _git(root, "merge-base", "HEAD", ref)
        if commit:
            return commit.strip()
    return None


def changed_paths(directory: Path, limit: int) -> tuple[frozenset[str], ...]:
    """What each of the newest `limit` commits that touch `directory` changed there, newest first.

    Paths are relative to `directory`. Merges are left out: their commits are counted themselves. Empty
    when git is absent, refuses or takes too long.
    """
    log = ("log", f"--max-count={limit}", "--no-merges", "--no-renames", "--name-only", "-z", "--format=%x01")
    said = _git(directory, *log, "--relative", "--", ".")
    entries = (said or "").split("\x01")[1:]
    found = (frozenset(filter(None, (path.strip("\n") for path in each.split("\0")))) for each in entries)
    return tuple(paths for paths in found if paths)


def index_listing(directory: Path) -> str | None:
    """`git ls-files --stage -z` of `directory`; None when git is absent, refuses or takes too long."""
    return _git(directory, "ls-files", "--stage", "-z")


def find(path: Path) -> tuple[Path, Path] | None:
    """Root and git directory of the work tree that holds `path`; None when there is none."""
    start = path.resolve()  # as git does; `..` would lead into neighbours
    for root in (start, *start.parents):
        entry = root / ".git"
        if (entry / "HEAD").is_file():
            return root, entry
        # in a worktree or submodule .git is a file: "gitdir: PATH", relative to its own directory
        link = _after((_text(entry) or "").strip(), "gitdir: ")
        if link:
            git_dir = root / link
            return (root, git_dir) if (git_dir / "HEAD").is_file() else None
    return None


def _common_dir(git_dir: Path) -> Path:
    shared = (_text(git_dir / "commondir") or "").strip()
    return git_dir / shared if shared else git_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refs:
    git_dir: Path
    common: Path
    packed: dict[str, str]

    def sha(self, ref: str) -> str | None:
        loose = (_text(self.common / ref) or _text(self.git_dir / ref) or "").strip()
        return loose if _SHA.fullmatch(loose) else self.packed.get(ref)


def _packed(common: Path) -> dict[str, str]:
    lines = (_text(common / "packed-refs") or "").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line[:1] not in ("#", "^") and " " in line)
    return {ref: sha for sha, ref in pairs}


def _usual_default(refs: _Refs) -> str | None:
    for kind in ("refs/remotes/origin", "refs/heads"):
        for branch in ("main", "master"):
            if refs.sha(f"{kind}/{branch}"):
                return branch
    return None


_SECTION = re.compile(r'\s*\[remote "origin"\]\s*', re.IGNORECASE)
_URL = re.compile(r"\s*url\s*=\s*(.*?)\s*", re.IGNORECASE)


def _origin(common: Path) -> str | None:
    """Repository name of origin's first url in the repository's own config file (no includes)."""
    inside = False
    for line in (_text(common / "config") or "").splitlines():
        if line.lstrip().startswith("["):
            inside = bool(_SECTION.fullmatch(line))
        elif inside and (match := _URL.fullmatch(line)):
            return repository_name(match[1].strip('"'))
    return None


def _read_by_git(root: Path, common: Path) -> GitFacts:
    status = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or ""
    found = dict(re.findall(r"^# branch\.(oid|head) (.+)$", status, re.MULTILINE))
    sha, branch = found.get("oid", ""), found.get("head", "(detached)")
    default = _git(root, "rev-parse", "--abbrev-ref", "origin/HEAD") or ""
    return GitFacts(
        root=root,
        repository=_origin(common),
        branch=None if branch == "(detached)" else branch,
        default_branch=_after(default.strip(), "origin/"),
        sha=sha if _SHA.fullmatch(sha) else None,
        shallow=(common / "shallow").is_file(),
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; it makes no lock file, which it would leave behind when it is killed."""
    try:
        done = run(Command(argv=("git", "--no-optional-locks", "-C", str(root), *arguments)), timeout=TIMEOUT)
    except EngineError:
        return None
    return done.stdout if done.returncode == 0 else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None


def _after(text: str, prefix: str) -> str | None:
    return (text.removeprefix(prefix) or None) if text.startswith(prefix) else None
