"""A place in which the assignments before a command hold, those of `env` and `sudo` included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_SECRET = re.compile(r".*(TOKEN|PASSWORD|PASS|SECRET|_KEY|USERNAME|_USER)")


class Unclear(Exception):
    """A tool's function can't say what a command does; the text is the reason, a clause."""


def assigned(call: Call, place: Place) -> Place:
    """`place` with a command's assignments. Raises Unclear for a value that only the shell knows.

    Values that the place has already filled in stay, and secrets may have any value.
    """
    values: dict[str, str] = {}
    for name, word in call.assignments:
        if word.value is not None:
            values[name] = word.value
        elif name not in place.env and not _SECRET.fullmatch(name):
            raise Unclear(f"variable `{name}` has a value that only the shell knows")
    return _Assigned(place, {**place.env, **values}) if values else place


@dataclass(frozen=True, slots=True)
class _Assigned:
    """Delegates to `place` but for variables."""

    place: Place
    env: Mapping[str, str]

    @property
    def cwd(self) -> str:
        return self.place.cwd

    @property
    def home(self) -> str:
        return self.env.get("HOME") or self.place.home

    @property
    def user(self) -> str:
        return self.place.user

    def absolute(self, path: str) -> str:
        return self.place.absolute(path)

    def read(self, path: str) -> str | None:
        return self.place.read(path)

    def exists(self, path: str) -> bool:
        return self.place.exists(path)

    def below(self, directory: str) -> tuple[str, ...]:
        return self.place.below(directory)

    def doubtful(self, path: str) -> bool:
        return self.place.doubtful(path)
