"""What a rule is: a module of `fastbuild/analysis/rules/`, with its manual page as docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.finding import Finding, Level
    from fastbuild.analysis.subject import Subject


class Rule(Protocol):
    """The attributes a rule's module has. `LEVEL` is the level its findings usually have."""

    __doc__: str | None

    @property
    def CODE(self) -> str: ...
    @property
    def LEVEL(self) -> Level: ...
    @property
    def __name__(self) -> str: ...

    @property
    def check(self) -> Checker:
        """Yields what the rule finds. May raise only by mistake."""


class Checker(Protocol):
    """A rule's `check`."""

    def __call__(self, subject: Subject) -> Iterator[Finding]: ...


def title(rule: Rule) -> str:
    """The first line of the rule's manual, without its full stop."""
    return (rule.__doc__ or "").strip().partition("\n")[0].removesuffix(".")


def plain_name(rule: Rule) -> str:
    """The rule's name for people and addresses: `cache_mount_missing` is `cache-mount-missing`."""
    return rule.__name__.rpartition(".")[2].replace("_", "-")


def manual(rule: Rule) -> str:
    """The rule's manual as Markdown, without its first line."""
    return (rule.__doc__ or "").strip().partition("\n")[2].strip()
