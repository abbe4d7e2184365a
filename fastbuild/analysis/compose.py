"""Compose and bake files → which Dockerfiles they build, with which contexts and arguments.

Formats: https://docs.docker.com/reference/compose-file/build/ and
https://docs.docker.com/build/bake/reference/. Builds of remote contexts are left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.errors import UsageError
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])([^{}]*))?\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One image to build. `file` is joined to the context; `inline` is a Dockerfile's text, or None."""

    name: str
    context: Path
    file: Path
    args: tuple[tuple[str, str | None], ...] = ()
    inline: str | None = None


def services(text: str, path: Path, environ: Mapping[str, str]) -> tuple[Build, ...]:
    """What a compose file builds. Raises UsageError when it is no compose file."""
    table = _table(_yaml(text, path).get("services"), path, "services")
    found: list[Build] = []
    for name, service in table.items():
        build = service.get("build") if isinstance(service, dict) else None
        if isinstance(build, str):
            build = {"context": build}
        if isinstance(build, dict):
            found += _build(str(name), _interpolated(build, environ), path, "dockerfile_inline")
    return tuple(found)


def bake_targets(text: str, path: Path) -> tuple[Build, ...]:
    """What a bake file in JSON builds. Raises UsageError when it is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from error
    table = _table(data.get("target") if isinstance(data, dict) else None, path, "target")
    found: list[Build] = []
    for name in table:
        merged = _inherited(name, table, ())
        found += _build(name, merged, path, "dockerfile-inline")
    return tuple(found)


def _inherited(name: str, table: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    """A target's fields over those of its `inherits`; of several the last wins."""
    own = table.get(name)
    if not isinstance(own, dict) or name in seen:
        return {}
    merged: dict[str, Any] = {}
    parents = own.get("inherits")
    for parent in parents if isinstance(parents, list) else ():
        merged |= _inherited(str(parent), table, (*seen, name))
    return merged | own


def _build(name: str, build: Mapping[str, Any], path: Path, inline_key: str) -> Iterator[Build]:
    where = str(build.get("context") or ".")
    if is_remote(where) or "://" in where:
        return
    context = path.parent / where
    inline = build.get(inline_key)
    yield Build(
        name=name,
        context=context,
        file=context / str(build.get("dockerfile") or "Dockerfile"),
        args=_arguments(build.get("args")),
        inline=inline if isinstance(inline, str) else None,
    )


def _arguments(args: object) -> tuple[tuple[str, str | None], ...]:
    """From a mapping, or a list of `NAME=value` and `NAME`."""
    if isinstance(args, dict):
        return tuple((str(key), _text(value)) for key, value in args.items())
    split = (str(item).partition("=") for item in args) if isinstance(args, list) else ()
    return tuple((name, value if separator else None) for name, separator, value in split)


def _text(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(text: str, path: Path) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """The safe loader, for which compose's `!reset` and `!override` are no errors.

        Not the one in C: deep nesting kills the process.
        """

    def untagged(loader: Any, tag: str, node: Any) -> Any:
        if tag == "reset":
            return None
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node)
        return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else node.value

    Loader.add_multi_constructor("!", untagged)
    try:
        data = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    return data if isinstance(data, dict) else {}


def _table(data: object, path: Path, key: str) -> Mapping[str, Any]:
    if isinstance(data, dict):
        return data
    raise UsageError(
        f"{path} has no `{key}`", fix="name a Dockerfile, a directory, a compose file or a bake file"
    )


def _interpolated(data: Any, environ: Mapping[str, str]) -> Any:
    """Compose's `$NAME`, `${NAME:-default}`, `${NAME:+set}` in every text."""
    if isinstance(data, dict):
        return {key: _interpolated(value, environ) for key, value in data.items()}
    if isinstance(data, list):
        return [_interpolated(value, environ) for value in data]
    return _VARIABLE.sub(lambda m: _variable(m, environ), data) if isinstance(data, str) else data


def _variable(match: re.Match[str], environ: Mapping[str, str]) -> str:
    dollar, plain, braced, operator, word = match.groups()
    if dollar:
        return "$"
    value = environ.get(plain or braced)
    is_set = value is not None and (value != "" or not (operator or "").startswith(":"))
    if operator and operator.endswith("+"):
        return str(word) if is_set else ""
    return value or "" if is_set or not (operator or "").endswith("-") else str(word)
