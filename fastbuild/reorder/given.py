"""What only a build or the base image decides: values of variables, homes of users."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.expand import references
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, COMMON, matters

if TYPE_CHECKING:
    from fastbuild.analysis.facts import Step
    from fastbuild.dockerfile.shell import Script

_HOME_OPTIONS = (
    *("-d", "-h", "-b", "-H", "-md", "-M", "-r", "-S"),
    *("--home", "--base-dir", "--no-create-home", "--system"),
)
UNSURE = "$"
"""The user of a step whose USER has a variable that nobody knows."""


class Known:
    """Folds over a stage's steps. `uncertain` are the variables whose values a build decides: those of ARGs,
    and what is made of them; `users` have a home below /home."""

    def __init__(self, arguments: frozenset[str]) -> None:
        self.uncertain = set(arguments)
        self.users = {"node"}  # of the official images
        self._lost = False
        self._anybody = False

    def seen(self, step: Step) -> Step:
        """The step, without directory or user if a variable of unknown value led there; then takes note."""
        given = replace(
            step, cwd=None if self._lost else step.cwd, user=UNSURE if self._anybody else step.user
        )
        instruction = step.instruction
        if step.keyword == "ARG":
            self.uncertain |= {name for name, _ in instruction.pairs()}
        elif step.keyword == "ENV":
            unsure = {name for name, value in instruction.pairs() if self.in_text((value or "",), step)}
            self.uncertain = (self.uncertain - {name for name, _ in instruction.pairs()}) | unsure
        elif step.keyword == "WORKDIR":
            absolute = step.expanded(instruction.words[-1]).startswith("/") if instruction.words else False
            self._lost = self.in_text(instruction.words, step) or (self._lost and not absolute)
        elif step.keyword == "USER":
            self._anybody = self.in_text(instruction.words, step)
        elif step.keyword == "RUN":
            self._take_users(step.script)
        return given

    def _take_users(self, script: Script) -> None:
        """Users made with a home below /home; one whose home is elsewhere, or may be, is not known."""
        for call in script.calls:
            if call.name in ("useradd", "adduser", "usermod"):
                words = [word.value or word.text for word in call.words[1:]]
                name = words[-1] if words else ""
                elsewhere = any(word.startswith(_HOME_OPTIONS) for word in words)
                self.users = (
                    self.users - {name} if elsewhere or call.name == "usermod" else self.users | {name}
                )
                if call.name == "adduser" and not elsewhere:
                    self.users |= {word for word in words if word.isalnum() and not word.isdigit()}

    def in_text(self, texts: tuple[str, ...], step: Step) -> bool:
        """Whether one of the texts has such a variable, or one that only the base image may set."""
        names = frozenset().union(*(references(text) for text in texts if "$" in text))
        return any(name in self.uncertain or name not in step.scope.values for name in names)

    def home(self, step: Step) -> str | None:
        """$HOME: as set, of root, or of a user that an earlier RUN made in the ordinary way; else None."""
        user = step.user.partition(":")[0]
        if "HOME" in step.scope.values:
            home = step.scope.values["HOME"]
            return home if home.startswith("/") and "HOME" not in self.uncertain else None
        if user in ("", "root", "0"):
            return "/root"
        return f"/home/{user}" if user in self.users else None


def looked_up(owner: str) -> frozenset[str]:
    """A name is looked up in the image's account files; a number isn't."""
    plain = all(part.isdigit() for part in owner.split(":") if part)
    return frozenset() if plain else frozenset({"/etc/passwd", "/etc/group"})


_HARMLESS = re.compile(
    r"\w*(?:_PROXY|INDEX_URL|TOKEN|PASSWORD|_VERSION)|GOPROXY|GOPRIVATE|GOSUMDB|NPM_CONFIG_REGISTRY"
)
"""Variables that lead no tool to another file of the image, whatever their value is."""
_HARMLESS_TO_OTHERS = re.compile(
    r"\w*_proxy|DEBIAN_FRONTEND|CI|LANG|LANGUAGE|LC_\w+|TZ|TERM|USER|NODE_ENV|GOOS|GOARCH|GOARM|CGO_ENABLED"
    r"|npm_config_registry|FORCE_COLOR|NO_COLOR|PYTHONUNBUFFERED"
)
"""As harmless, but not to a tool that has one among its own settings: Go has GOOS, npm what .npmrc names."""


def misleading(env: frozenset[str] | None, hidden: frozenset[str], unset: frozenset[str]) -> str:
    """A variable of unknown value that may lead a tool with this `Effects.env` to another file; else empty.

    `hidden` are set, `unset` may be set by a build. These don't count for the project's own code (None): to
    that, every ARG of the file would be one.
    """
    if env is None:
        told, names = None, hidden
    else:
        told, names = env - ANY_BUT_STAMPS, hidden | unset
    return next((name for name in sorted(names) if matters(told, name) and not _is_harmless(told, name)), "")


def _is_harmless(told: frozenset[str] | None, name: str) -> bool:
    if _HARMLESS.fullmatch(name):
        return True
    own = frozenset() if told is None else told - COMMON
    return _HARMLESS_TO_OTHERS.fullmatch(name) is not None and not matters(own, name)
