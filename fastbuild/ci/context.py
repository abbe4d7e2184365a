"""What a CI system says of a build: `CIContext`, and what the readers of all systems share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Environ = Mapping[str, str]
    ReadText = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    """Lines that open and close a foldable part of the log.

    `str.format` templates of `{title}`, `{id}` (letters, digits, `_`) and `{time}` (Unix seconds).
    """

    open: str
    close: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CIContext:
    """What the CI system says; None is "it doesn't say". `repository` is `owner/name`, without a host."""

    provider: str
    repository: str | None = None
    branch: str | None = None
    base_branch: str | None = None
    default_branch: str | None = None
    sha: str | None = None
    tag: str | None = None
    is_pull_request: bool = False
    why_untrusted: str = ""
    summary_path: str | None = None
    log_group: LogGroup | None = None
    run_id: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether this build may write what later builds of other branches read."""
        return not self.why_untrusted


def repository_name(url: str) -> str | None:
    """`owner/name` (or deeper) of a git URL, without host, user, password or `.git`; None when empty.

    Of a local path the last two parts. Forms: https://git-scm.com/docs/git-clone#_git_urls
    """
    scp = re.fullmatch(r"(?:[^@/]+@)?[^/:]{2,}:(?!//)(.*)", url)
    if scp:
        path = scp[1]
    elif "://" in url and not url.startswith("file://"):
        # everything before the last @ goes: a password may hold any character, even an unquoted slash
        address = url.partition("://")[2].rpartition("@")[2]
        path = re.split(r"[?#]", address.partition("/")[2])[0]
    else:
        path = "/".join(_parts(url.removeprefix("file://"))[-2:])
    parts = [part for part in _parts(path) if part != "_git"]
    if parts[:2] == ["v1", "repos"]:  # CodeCommit over https and ssh
        parts = parts[2:]
    elif parts[:1] == ["v3"] and len(parts) == 4:  # Azure Repos over ssh; over https it has the _git
        parts = parts[1:]
    return "/".join(parts).removesuffix(".git") or None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".", "..")]


def named(ref: str | None, kind: str = "heads") -> str | None:
    """The name in `refs/heads/name`; None for another kind of ref, the text itself when it is no ref."""
    if not ref:
        return None
    if ref.startswith("refs/"):
        return ref.removeprefix(f"refs/{kind}/") if ref.startswith(f"refs/{kind}/") else None
    return ref


def fork_doubt(head: str | None, base: str | None, *, variable: str) -> str:
    """Why a pull request whose commits come from `head` is untrusted; empty when it is not."""
    if not head or not base:
        return f"a pull request whose origin is unknown ({variable} is not set)"
    if head.lower() != base.lower():
        return f"a pull request from the fork {head}"
    return ""
