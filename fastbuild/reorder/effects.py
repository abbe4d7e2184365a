"""What a step may read and write: the ground on which two steps are called independent.

An over-approximation, always: what is not listed must not happen, what is listed need not. A step of which
that can't be said has `unknown` set and conflicts with everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from fastbuild.hierarchy import covers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.dockerfile.shell import Call


class Trust(IntEnum):
    """How sure a statement is. `MODEL`: follows from documented behaviour. `LIKELY`: needs --prove."""

    LIKELY = 0
    MODEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """`reads` and `writes` are absolute paths in the image, each standing for itself and all below it.

    `reads` holds what is opened, executed, listed or looked for in vain, except what every program of
    the base needs (its own binary, /usr, /lib, /etc of the base: nothing but a step's writes can change
    those, and package managers write SYSTEM). `env` are the variables that may matter beyond those of
    the text (None: any). `makes_links`: may leave symbolic links that lead out of its `writes`.
    `enters` are directories of which it matters only whether they exist. `spares` are those of `writes` below
    which no file gets another content or name: only directories are made, modes and owners are set.
    `unknown` is the reason why nothing of this holds; then the rest is empty.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    env: frozenset[str] | None = frozenset()
    makes_links: bool = False
    enters: frozenset[str] = frozenset()
    spares: frozenset[str] = frozenset()
    trust: Trust = Trust.MODEL
    doubts: tuple[str, ...] = ()
    """Why `trust` is only LIKELY, one sentence each."""
    unknown: str = ""

    def __or__(self, other: Effects) -> Effects:
        """Both, one after the other."""
        if self.unknown or other.unknown:
            return Effects(unknown=self.unknown or other.unknown)
        return Effects(
            reads=self.reads | other.reads,
            writes=self.writes | other.writes,
            env=None if self.env is None or other.env is None else self.env | other.env,
            makes_links=self.makes_links or other.makes_links,
            enters=self.enters | other.enters,
            spares=(self.spares - (other.writes - other.spares))
            | (other.spares - (self.writes - self.spares)),
            trust=min(self.trust, other.trust),
            doubts=tuple(dict.fromkeys((*self.doubts, *other.doubts))),
        )


NONE = Effects()


def unknown(reason: str) -> Effects:
    """A step of which nothing is known; `reason` is a clause: "`make` is not a command fastbuild knows"."""
    return Effects(unknown=reason)


def overlap(first: Iterable[str], second: Iterable[str]) -> str | None:
    """A path of `first` that is equal to, above or below one of `second`; None if there is none."""
    others = tuple(second)
    for path in first:
        for other in others:
            if covers(path, other) or covers(other, path):
                return path if covers(other, path) else other
    return None


class Place(Protocol):
    """Where a command runs, and the files that earlier COPYs of the stage brought there.

    Paths are absolute and normalised. A path is *known* when the last thing that could have written it is
    a COPY from the build context.
    """

    @property
    def cwd(self) -> str:
        """The current directory."""

    @property
    def home(self) -> str:
        """$HOME of the current user, best known."""

    @property
    def user(self) -> str:
        """As in USER; "" or "root" or "0" for root."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables with known values, assignments before the command included."""

    def absolute(self, path: str) -> str:
        """`path` seen from `cwd`."""

    def read(self, path: str) -> str | None:
        """The text of a known file; None if it isn't from the context (absent, made by a RUN, binary)."""

    def exists(self, path: str) -> bool:
        """Whether a COPY brought this file or directory from the context."""

    def below(self, directory: str) -> tuple[str, ...]:
        """All files that COPYs from the context brought below a directory, absolute, sorted."""

    def doubtful(self, path: str) -> bool:
        """Whether something other than a COPY from the context may have written the path or what is below."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A family of commands that are understood: program names, and their effects.

    `effects` is called with a command whose name is in `names`; wrappers (sudo, env, python -m) are off.
    """

    names: frozenset[str]
    effects: EffectsOf = field(repr=False)


class EffectsOf(Protocol):
    """Signature of a tool's function. Every word's value is known; returns `unknown(…)` in any doubt."""

    def __call__(self, call: Call, place: Place) -> Effects: ...


SYSTEM = frozenset(
    {
        *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "share", "include")),
        *("/etc", "/lib", "/lib64", "/bin", "/sbin", "/run", "/boot", "/var/lib", "/var/cache", "/var/log"),
        *("/var/spool", "/var/mail", "/var/www", "/var/backups"),
    }
)
"""What a distribution's packages may write: not /usr/local (Debian policy 9.1.2), /usr/src, /opt, /srv,
/home."""
SYSTEM_READS = SYSTEM | {"/usr/local/lib", "/usr/local/share", "/usr/local/etc", "/root"}
"""What they and their triggers may read: ldconfig, fontconfig and update-ca-certificates look into
/usr/local."""
