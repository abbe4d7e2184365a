"""Reading manifests that COPYs brought, or saying why nothing can be said."""

from __future__ import annotations

import json
import posixpath
import tomllib
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from fastbuild.hierarchy import covers
from fastbuild.reorder.effects import Effects, Trust, unknown
from fastbuild.reorder.tools.assigned import Unclear, assigned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import EffectsOf, Place

SHIMS = (".tool-versions", ".python-version", ".ruby-version", ".node-version", ".nvmrc", ".java-version")
"""What version managers before a program (pyenv, rbenv, asdf) look for in the current directory and above."""

RUST_SHIMS = ("rust-toolchain", "rust-toolchain.toml")
"""The same for rustup: https://rust-lang.github.io/rustup/overrides.html"""


@dataclass(frozen=True, slots=True)
class Table:
    """A JSON or TOML object of which the file's author may have got any type wrong."""

    values: dict[str, Any]

    def table(self, *keys: str) -> Table:
        """The object at a path of keys, empty if there is none or it is something else."""
        here: object = self.values
        for key in keys:
            here = here.get(key) if isinstance(here, dict) else None
        return Table(cast("dict[str, Any]", here) if isinstance(here, dict) else {})

    def text(self, key: str) -> str:
        """A string, empty if there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings of a list, or a lone string."""
        value = self.values.get(key)
        if isinstance(value, str):
            return (value,)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()

    def tables(self, key: str) -> tuple[Table, ...]:
        """The objects of a list."""
        value = self.values.get(key)
        return tuple(Table(v) for v in value if isinstance(v, dict)) if isinstance(value, list) else ()


def guarded(function: EffectsOf) -> EffectsOf:
    """`function` with `Unclear` turned into `unknown`, and the files that variables name added."""

    @wraps(function)
    def inner(call: Call, place: Place) -> Effects:
        if not call.literal:
            return unknown(f"a word of `{call.name}` has a value that only the shell knows")
        try:
            here = assigned(call, place)
            return Effects(reads=_named_by_variables(here)) | function(call, here)
        except Unclear as reason:
            return unknown(str(reason))

    return inner


def _named_by_variables(place: Place) -> frozenset[str]:
    """Files of the context that variables name, such as certificates. Raises Unclear for code to load."""
    for name in (
        "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS",
        "MAVEN_OPTS",
        "RUBYOPT",
        "PERL5OPT",
        "BASH_ENV",
        "LD_PRELOAD",
    ):
        value = place.env.get(name, "")
        if any(word in value for word in _LOADS) or (value and name in ("BASH_ENV", "LD_PRELOAD", "RUBYOPT")):
            raise Unclear(f"variable `{name}` loads code into programs")
    values = (value for value in place.env.values() if value.startswith("/") and len(value) < 4096)
    paths = {place.absolute(value) for value in values}
    return frozenset(path for path in paths if place.exists(path) and place.below(path) in ((), (path,)))


_LOADS = ("-r ", "--require", "--import", "loader", "--env-file", "-javaagent", "-agentpath", "@")


def optional(place: Place, path: str) -> str | None:
    """A file's text, None if it is absent. Raises Unclear when that can't be told."""
    text = place.read(path)
    if text is not None:
        return text
    if place.doubtful(path):
        raise Unclear(f"`{path}` may have been written by an earlier step")
    if place.exists(path):
        raise Unclear(f"`{path}` can't be read as text")
    return None


def required(place: Place, path: str) -> str:
    """A file's text. Raises Unclear when it isn't one from the context."""
    text = optional(place, path)
    if text is None:
        raise Unclear(f"`{path}` doesn't come from the build context")
    return text


def json_table(text: str, path: str) -> Table:
    """Raises Unclear when `text` is not a JSON object."""
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise Unclear(f"`{path}` is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise Unclear(f"`{path}` is not a JSON object")
    return Table(value)


def toml_table(text: str, path: str) -> Table:
    """Raises Unclear when `text` is not TOML."""
    try:
        return Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Unclear(f"`{path}` is not TOML ({error})") from None


def join(directory: str, path: str) -> str:
    """`path` seen from `directory`, normalised."""
    joined = posixpath.normpath(posixpath.join(directory, path))
    return "/" + joined.lstrip("/")


def parents(directory: str) -> tuple[str, ...]:
    """`directory` and all above it, up to /."""
    found = [directory]
    while found[-1] != "/":
        found.append(posixpath.dirname(found[-1]))
    return tuple(found)


def upwards(directory: str, *names: str) -> frozenset[str]:
    """Each name in `directory` and in all directories above it."""
    return frozenset(join(each, name) for each in parents(directory) for name in names)


def nearest(place: Place, *names: str) -> str:
    """The directory, from the current one up, that holds one of `names`. Raises Unclear when none does."""
    for directory in parents(place.cwd):
        for name in names:
            path = join(directory, name)
            if place.exists(path):
                return directory
            if place.doubtful(path):
                raise Unclear(f"`{path}` may have been written by an earlier step")
    raise Unclear(f"no `{names[0]}` in `{place.cwd}` or above comes from the build context")


def settings(
    place: Place, paths: Iterable[str], *, sure: Iterable[str] = ("/usr",)
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The texts of settings files that COPYs brought, and a doubt for each that a RUN may have written.

    No doubt below `sure`: package managers write there, but none of their settings name a project's files.
    (That they write all of /etc is no doubt to a place either.)
    """
    texts: dict[str, str] = {}
    doubts: list[str] = []
    for path in paths:
        text = place.read(path)
        if text is not None:
            texts[path] = text
        elif place.doubtful(path):
            if any(covers(each, path) for each in sure):
                continue
            doubts.append(f"`{path}` may have been written by an earlier step and name files of the context.")
        elif place.exists(path):
            raise Unclear(f"`{path}` can't be read as text")
    return texts, tuple(doubts)


def likely(effects: Effects, *doubts: str) -> Effects:
    """`effects`, believed only with --prove when there are doubts."""
    return effects | Effects(trust=Trust.LIKELY, doubts=doubts) if doubts else effects


def own_build(directory: str, place: Place) -> Effects:
    """Building a project of the context: reads its directory, writes there, and uses any variable.

    Its build script may read other files, too; where COPYs brought any, that is a doubt.
    """
    effects = Effects(reads=frozenset({directory}), writes=frozenset({directory}), env=None)
    if all(covers(directory, path) for path in place.below("/")):
        return effects
    return likely(effects, f"The build of `{directory}` may read files outside of that directory.")
