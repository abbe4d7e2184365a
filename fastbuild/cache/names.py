"""Names of remote caches: `derive` says which one a build writes and which it reads, and why.

A name is `repository/target/platform/branch`. Each part is a slug of `[a-z0-9.-]`; as `_` never
occurs in one, `as_tag` turns a name into a registry tag one to one. A part that can't be kept as it
is ends in a hash of the original, so `feature/a` and `feature-a` differ. All parts together fit the
128 characters of a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fastbuild.ci import CIContext
    from fastbuild.git import GitFacts

DEFAULT_TARGET = "final"
_LIMITS = {"repository": 44, "target": 20, "platform": 24, "branch": 37}  # and three separators: 128
_HASH = 12
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH}}}$")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm/v7", "armv6l": "arm/v6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheNames:
    """`write` is None when nothing may be written; `read` is in order of preference.

    `reason` says in one sentence where the names come from and why nothing is written.
    """

    write: str | None
    read: tuple[str, ...]
    reason: str


def derive(
    ci: CIContext,
    git: GitFacts | None,
    *,
    directory: Path,
    machine: str,
    target: str | None = None,
    platforms: Sequence[str] = (),
    write: bool | None = None,
) -> CacheNames:
    """The names of this build's caches.

    `directory` is the context, used when there is no git; `machine` is `os.uname().machine`, the
    platform when none is asked for; `write` is the user's word on writing, None to decide from the
    CI context.
    """
    repository = _repository(ci, git, directory)
    start = "/".join(
        (
            repository,
            slug(target or DEFAULT_TARGET, _LIMITS["target"]),
            _platform(platforms or (native_platform(machine),)),
        )
    )
    own, why_not = _own_branch(ci, git)
    if own is None and write:
        own = "detached:"
    read, where = _branches(own, ci, git)
    names = tuple(dict.fromkeys(f"{start}/{_branch(branch)}" for branch in read))
    refusal = _refusal(ci, why_not, write)
    if refusal:
        return CacheNames(write=None, read=names, reason=f"read-only: {refusal}; {where}")
    return CacheNames(write=names[0], read=names, reason=where)


def sibling(name: str, branch: str) -> str:
    """The name of another branch's cache, of the same repository, target and platform as `name`."""
    return f"{name.rpartition('/')[0]}/{_branch(branch)}"


def slug(text: str, limit: int) -> str:
    """`text` in `[a-z0-9.-]`, at most `limit` (≥ 16) characters; two texts never give the same slug.

    A text that is its own slug is kept, unless it looks like one with a hash.
    """
    clean = _clean(text)
    if clean and clean == text and len(clean) <= limit and not _HASHED.search(clean):
        return clean
    return _with_hash(clean, text, limit)


def as_tag(name: str) -> str:
    """`name` as a registry tag or file name; one to one.

    Tags: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`, https://github.com/opencontainers/distribution-spec/blob/main/spec.md
    """
    return name.replace("/", "_")


def native_platform(machine: str) -> str:
    """`linux/amd64` for the machine name `x86_64`; other names as Go calls them or unchanged."""
    return f"linux/{_MACHINES.get(machine, machine)}"


def _clean(text: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")


def _with_hash(clean: str, original: str, limit: int) -> str:
    import xxhash

    # surrogateescape: git and file names are bytes, not always valid UTF-8
    digest = xxhash.xxh3_64_hexdigest(original.encode(errors="surrogatepass"))[:_HASH]
    kept = clean[: limit - _HASH - 1].strip("-.") or "x"
    return f"{kept}-{digest}"


def _repository(ci: CIContext, git: GitFacts | None, directory: Path) -> str:
    limit = _LIMITS["repository"]
    name = ci.repository or (git.repository if git else None)
    if name is None:
        place = git.root if git else directory.absolute()
        return _with_hash(_clean(place.name), str(place), limit)
    parts = "/".join(slug(part, limit) for part in name.split("/"))
    return parts if len(parts) <= limit else _with_hash(_clean(name), name, limit)


def _platform(platforms: Sequence[str]) -> str:
    ordered = sorted({platform.lower() for platform in platforms})
    text = ".".join(platform.replace("/", "-") for platform in ordered)
    # os/architecture/variant hold letters and digits only: then the dashes and dots lose nothing
    plain = all(re.fullmatch(r"[a-z0-9]+(/[a-z0-9]+){1,2}", platform) for platform in ordered)
    if plain and len(text) <= _LIMITS["platform"] and not _HASHED.search(text):
        return text
    return _with_hash(_clean(text), ",".join(ordered), _LIMITS["platform"])


def _branch(branch: str) -> str:
    return slug(branch, _LIMITS["branch"])


def _own_branch(ci: CIContext, git: GitFacts | None) -> tuple[str | None, str]:
    """The branch that names this build's cache, or None and the reason.

    `tags:` and `detached:` can't be branches (git forbids the colon). All tags share one name: a
    name for each would be written once and never read.
    """
    if ci.tag:
        return "tags:", ""
    if ci.branch or (git and git.branch):
        return ci.branch or (git.branch if git else None), ""
    if git is None and ci.provider == "none":
        return "local", ""
    return None, "HEAD is detached and no CI variable names the branch"


def _branches(own: str | None, ci: CIContext, git: GitFacts | None) -> tuple[tuple[str, ...], str]:
    default = ci.default_branch or (git.default_branch if git else None)
    # a name that doesn't exist costs one small request; a new branch that starts cold costs a build
    guesses = (
        (default,)
        if default
        else ()
        if ci.base_branch or (own == "local" and git is None)
        else ("main", "master")
    )
    read = tuple(dict.fromkeys(b for b in (own, ci.base_branch, *guesses) if b))
    shown = ", then ".join("earlier tags" if b == "tags:" else b for b in read)
    note = "" if default or not guesses else " (the default branch is a guess)"
    return read, f"reads {shown}{note}"


def _refusal(ci: CIContext, why_not: str, write: bool | None) -> str:
    if write is False:
        return "asked for"
    return "" if write else ci.why_untrusted or why_not
