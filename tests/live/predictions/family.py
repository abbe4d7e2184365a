"""A family: a Dockerfile and how it is built. `<base>` in it is a busybox with a tag of its own.

The files of every context are `project.FILES`; a directory for named contexts lies beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Open(StrEnum):
    """Why a verdict may be "maybe": what is not decidable before the build."""

    STAGE = "what a step takes from another stage, which is executed"
    SERVER = "what a server has at an address"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A Dockerfile, what its build is asked with, and what can't be known of it (see `Open`)."""

    text: str
    open: tuple[Open, ...] = ()
    file: str = "Dockerfile"
    files: tuple[tuple[str, str], ...] = ()
    target: str | None = None
    build_args: tuple[tuple[str, str | None], ...] = ()
    build_contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    cache: str = "local"
    """Where the baseline's records are kept: local, s3 or registry."""
    mode: str = "max"
