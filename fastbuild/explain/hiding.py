"""Keeping secrets out of side files, while two builds can still be told apart by them.

A hidden value is `secret:` and 32 hexadecimal digits: PBKDF2 of the value with the file's salt. Files with
equal salts can be compared, so a build takes over the salt of the file it will be compared with. Hidden are:
values of variables that look secret by name, or that are made of such; these values wherever else they
stand; passwords in addresses; `NAME=value` and `--name=value` in commands if the name looks secret;
well-known forms of tokens. What BuildKit itself writes beside it (digests of keys) is not affected.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from fastbuild.dockerfile.expand import references
from fastbuild.explain.hidden import HIDDEN, PREFIX
from fastbuild.progress.masking import SHORTEST, looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUNDS = 50_000
"""Of PBKDF2: some 25 ms for each value, which makes guessing dear and the few values of a build cheap."""

_PASSWORD = re.compile(r"(?P<before>\w://[^\s/:@\"'$<{]*:)(?P<value>[^\s/@\"'$<>{}()`]+)(?=@)")
_TOKEN_USER = re.compile(r"(?P<before>https?://)(?P<value>[^\s/:@\"'$<>{}()`]{6,})(?=@)")
_ASSIGNED = re.compile(
    r"(?P<before>(?<![\w$.-])-{0,2}(?P<name>[A-Za-z_][\w-]*)=)"
    r"(?P<value>\"[^\"$]+\"|'[^'$]+'|[^\s\"'$;|&(){}<>,`]+)"
)
_FORMS = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[\w-]{20,}"
    r"|npm_[A-Za-z0-9]{36}|xox[baprs]-[\w-]{10,})|(?<=_authToken=)[\w-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*"
)


def tainted(definitions: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Names of variables that hold secrets: by their name, or because their text refers to one that does.

    `definitions` are names and texts as written, in order.
    """
    found: set[str] = set()
    for name, text in definitions:
        if looks_secret(name) or references(text) & found or any(map(looks_secret, references(text))):
            found.add(name)
    return frozenset(found)


class Hider:
    """Hides what is secret in one build. `salt` is hexadecimal; `names` are variables known to be secret."""

    def __init__(self, salt: str, names: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._salt = bytes.fromhex(salt)
        self._names = frozenset(names)
        known = {value for value in values if len(value) >= SHORTEST}
        self._values = sorted(known, key=lambda value: (-len(value), value))
        self._done: dict[str, str] = {}

    def is_secret(self, name: str) -> bool:
        """Whether a variable's value is hidden."""
        return name in self._names or looks_secret(name)

    def hidden(self, value: str) -> str:
        """The form in which a secret value is kept; an empty one stays empty, a hidden one as it is."""
        if not value or HIDDEN.fullmatch(value):
            return value
        if value not in self._done:
            raw = value.encode("utf-8", "surrogatepass")
            self._done[value] = PREFIX + hashlib.pbkdf2_hmac("sha256", raw, self._salt, ROUNDS, 16).hex()
        return self._done[value]

    def variable(self, name: str, value: str) -> str:
        """A variable's value as it is kept."""
        return self.hidden(value) if self.is_secret(name) else self.text(value)

    def text(self, text: str) -> str:
        """A text without the secrets that can be told."""
        for value in self._values:
            if value in text:
                text = text.replace(value, self.hidden(value))
        for pattern in (_PASSWORD, _TOKEN_USER):
            text = pattern.sub(lambda found: found["before"] + self.hidden(found["value"]), text)
        text = _ASSIGNED.sub(self._assigned, text)
        return _FORMS.sub(lambda found: self.hidden(found[0]), text)

    def _assigned(self, found: re.Match[str]) -> str:
        secret = self.is_secret(found["name"].replace("-", "_")) and not found["value"].startswith(PREFIX)
        return found["before"] + self.hidden(found["value"]) if secret else found[0]

    def tree(self, value: Any) -> Any:
        """A JSON value with all its texts hidden; lists of `NAME=value` under `env` by name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.tree(each) for each in value]
        if isinstance(value, dict):
            return {key: self._member(key, each) for key, each in value.items()}
        return value

    def _member(self, key: str, value: Any) -> Any:
        if key != "env" or not isinstance(value, list):
            return self.tree(value)
        return [self._entry(each) if isinstance(each, str) else self.tree(each) for each in value]

    def _entry(self, entry: str) -> str:
        name, separator, value = entry.partition("=")
        return f"{name}={self.variable(name, value)}" if separator else self.text(entry)
