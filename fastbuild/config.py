"""Settings: flags > FASTBUILD_* > fastbuild.toml (or [tool.fastbuild] in pyproject.toml) > defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypedDict

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set once instead of on every command line; a field's name is its key and its flag.

    `cache`: where to read and write cache. `cache_mode`: readwrite, read, or auto (read for untrusted
    pull requests). `cache_strict`: a cache problem fails the build. `cache_timeout`: seconds in which a
    cache transfer must move a mebibyte. `engine`: buildctl, buildx, private or docker.
    `engine_config`: a buildkitd.toml for the private engine. `engine_allow`: entitlements that it may
    grant (its steps share the host's network anyway). `engine_idle`: seconds after which it stops.
    `export`: how caches are written after the image: wait, background or off (not at all).
    `name`: the first part of cache names, instead of the repository's. `keep_modes`: contexts are sent with
    the modes on disk, also where a umask made them. `explain`: builds say why steps ran. `skip`: auto uses
    an image that is in the registry already instead of building it again; one in `skip_verify_every` is
    built all the same, once, and compared (0: none). `skip_secrets`: ids of secrets and SSH agents whose
    content matters, so that a build which is given one is not skipped.
    """

    cache: tuple[str, ...] = ()
    cache_mode: str = "auto"
    cache_strict: bool = False
    cache_timeout: float = 60.0
    engine: str = ""
    engine_config: str = ""
    engine_allow: tuple[str, ...] = ("network.host",)
    engine_idle: float = 900.0
    export: str = "wait"
    name: str = ""
    keep_modes: bool = False
    explain: bool = True
    skip: str = "never"
    skip_verify_every: int = 20
    skip_secrets: tuple[str, ...] = ()

    @property
    def private_engine(self) -> PrivateEngine:
        """What `pipeline.prepare.ready` has to know of them."""
        return {"config": self.engine_config, "idle": self.engine_idle, "allow": self.engine_allow}


class PrivateEngine(TypedDict):
    """The settings of the private engine, without their prefix."""

    config: str
    idle: float
    allow: tuple[str, ...]


TABLES = ("contract", "budget", "changes")
"""What else a file may hold: promises that `fastbuild check` reads."""
CHOICES: Mapping[str, tuple[str, ...]] = {
    "cache_mode": ("auto", "readwrite", "read"),
    "export": ("wait", "background", "off"),
    "skip": ("auto", "never"),
}
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off", "")


def load(folder: Path, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """The settings that hold in `folder`; `flags` with the value None were not given.

    Raises UsageError for a file that doesn't parse, an unknown key or a value of the wrong kind.
    """
    values: dict[str, object] = {}
    for source, given in (("fastbuild.toml", _from_files(folder)), ("environment", _from_environ(environ))):
        for key, value in given.items():
            values[key] = _typed(key, value, source)
    values |= {key: _typed(key, value, "flags") for key, value in flags.items() if value is not None}
    return Settings(**values)  # type: ignore[arg-type]


def _from_files(folder: Path) -> Mapping[str, object]:
    _, found = _file(folder)
    return {key: value for key, value in found.items() if key not in TABLES}


def tables(folder: Path) -> tuple[Path | None, Mapping[str, Any]]:
    """The file that holds in `folder` (None without one) and those of `TABLES` that are in it.

    Raises UsageError for a file that doesn't parse.
    """
    path, found = _file(folder)
    return path, {key: value for key, value in found.items() if key in TABLES}


def _file(folder: Path) -> tuple[Path | None, Mapping[str, Any]]:
    for path in (folder / "fastbuild.toml", folder / "pyproject.toml"):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} can't be read: {error}") from error
        table = _parse(path, text)
        if path.name == "pyproject.toml":
            table = table.get("tool", {}).get("fastbuild", {})
        if table or path.name == "fastbuild.toml":
            return path, {key.replace("-", "_"): value for key, value in table.items()}
    return None, {}


def _parse(path: Path, text: str) -> dict[str, Any]:
    if path.name == "pyproject.toml" and "[tool.fastbuild" not in text:
        return {}
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


OTHER_VARIABLES = tuple(
    f"FASTBUILD_{name}" for name in ("HOME", "LAB", "BUILDKIT_SHA256", "BUILDKIT_URL", "REQUIRE_LIVE")
)


def _from_environ(environ: Mapping[str, str]) -> Mapping[str, object]:
    prefix = "FASTBUILD_"
    given = {k: v for k, v in environ.items() if k.startswith(prefix) and k not in OTHER_VARIABLES}
    return {key.removeprefix(prefix).lower(): value for key, value in given.items()}


def _typed(key: str, value: object, source: str) -> object:
    kinds = {field.name: type(field.default) for field in fields(Settings)}
    if key not in kinds:
        raise not_known(source, key, (*kinds, *TABLES) if source == "fastbuild.toml" else tuple(kinds))
    if key == "cache_mode" and value == "readwrite" and source == "fastbuild.toml":
        raise UsageError(
            "fastbuild.toml: cache_mode can't be readwrite",
            cause="a pull request could change the file, and so write what other builds read",
            fix="use --cache-mode readwrite or FASTBUILD_CACHE_MODE in the CI's own settings",
        )
    if key in CHOICES and value not in CHOICES[key]:
        raise UsageError(f"{source}: {key} is {value!r}", fix=f"choose {', '.join(CHOICES[key])}")
    try:
        return _convert(kinds[key], value)
    except (TypeError, ValueError):
        raise UsageError(f"{source}: {key} must be a {kinds[key].__name__}, not {value!r}") from None


def not_known(where: str, key: str, known: Sequence[str]) -> UsageError:
    """The error for a key that nothing reads, with what may have been meant."""
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return UsageError(f"{where}: there is no setting {key!r}", fix=hint)


def _convert(kind: type, value: object) -> object:
    if kind is tuple:
        values = value.split() if isinstance(value, str) else value
        return tuple(str(v) for v in values)  # type: ignore[attr-defined]
    if kind is bool and isinstance(value, str):
        if value.lower() not in (*TRUE, *FALSE):
            raise ValueError(value)
        return value.lower() in TRUE
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, (str, int, float)):
        raise TypeError(value)
    return kind(value)
