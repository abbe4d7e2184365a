"""The options each kind of cache knows, and `validate`, which refuses what BuildKit would drop in silence.

From the sources of BuildKit v0.34.1 (cache/remotecache/*, client/solve.go, util/compression/attrs.go) and
https://github.com/moby/buildkit#export-cache; for `docker buildx build` the same hold:
https://docs.docker.com/build/cache/backends/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fastbuild.request import CacheSpec

Direction = Literal["import", "export"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What an option's value must look like: a test, and its description for the error."""

    fits: Callable[[str], bool]
    form: str


def _one_of(*values: str) -> Kind:
    return Kind(lambda text: text in values, " or ".join(values))


def _number(low: int, high: int) -> Kind:
    def fits(text: str) -> bool:
        return bool(re.fullmatch(r"[0-9]{1,9}", text)) and low <= int(text) <= high

    return Kind(fits, f"a whole number from {low} to {high}")


_BOOLS = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
TEXT = Kind(lambda _text: True, "text")
# https://pkg.go.dev/strconv#ParseBool, https://pkg.go.dev/time#ParseDuration
BOOL = Kind(lambda text: text in _BOOLS, "true or false")
SWITCH = Kind(lambda text: text == "" or text in _BOOLS, "true or false")
_SPAN = re.compile(r"0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
DURATION = Kind(lambda text: bool(_SPAN.fullmatch(text)), "a duration such as 90m or 24h")
DIGEST = Kind(lambda text: bool(re.fullmatch(r"sha256:[0-9a-f]{64}", text)), "sha256:<64 digits>")
POSITIVE = _number(1, 999_999_999)

Options = dict[str, Kind]
_EXPORT: Options = {"mode": _one_of("min", "max"), "ignore-error": BOOL}
_COMPRESSION: Options = {
    "compression": _one_of("uncompressed", "gzip", "estargz", "zstd"),
    "compression-level": _number(0, 22),
    "force-compression": SWITCH,
}
_OCI: Options = {"image-manifest": BOOL, "oci-mediatypes": BOOL}
_S3: Options = {
    "bucket": TEXT,
    "region": TEXT,
    "prefix": TEXT,
    "blobs_prefix": TEXT,
    "manifests_prefix": TEXT,
    "name": TEXT,
    "endpoint_url": TEXT,
    "use_path_style": BOOL,
    "access_key_id": TEXT,
    "secret_access_key": TEXT,
    "session_token": TEXT,
    "disable_accept_encoding": BOOL,
    "retry_mode": _one_of("standard", "adaptive"),
    "retry_max_attempts": POSITIVE,
}
_REGISTRY: Options = {"ref": TEXT, "registry.insecure": BOOL}
_GHA: Options = {
    "scope": TEXT,
    "timeout": DURATION,
    "token": TEXT,
    "url": TEXT,
    "url_v2": TEXT,
    "version": _one_of("1", "2"),
    "ghtoken": TEXT,
    "repository": TEXT,
}
_AZBLOB: Options = {
    "account_url": TEXT,
    "account_name": TEXT,
    "container": TEXT,
    "prefix": TEXT,
    "blobs_prefix": TEXT,
    "manifests_prefix": TEXT,
    "name": TEXT,
    "secret_access_key": TEXT,
}

KNOWN: Mapping[tuple[str, Direction], Options] = {
    ("s3", "import"): _S3,
    ("s3", "export"): _S3
    | _EXPORT
    | _COMPRESSION
    | {"touch_refresh": DURATION, "upload_parallelism": POSITIVE},
    ("registry", "import"): _REGISTRY,
    ("registry", "export"): _REGISTRY | _EXPORT | _COMPRESSION | _OCI,
    ("local", "import"): {"src": TEXT, "tag": TEXT, "digest": DIGEST},
    ("local", "export"): {"dest": TEXT, "tag": TEXT, "reset": BOOL} | _EXPORT | _COMPRESSION | _OCI,
    ("gha", "import"): _GHA,
    ("gha", "export"): _GHA | _EXPORT,
    ("azblob", "import"): _AZBLOB,
    ("azblob", "export"): _AZBLOB | _EXPORT,
    # inline writes into the image itself and is read back as type=registry
    ("inline", "export"): {"ignore-error": BOOL},
}
"""Which options BuildKit reads, for each type and direction."""

_REQUIRED: Mapping[tuple[str, Direction], str] = {
    ("registry", "import"): "ref",
    ("registry", "export"): "ref",
    ("local", "import"): "src",
    ("local", "export"): "dest",
}
TYPES = sorted({kind for kind, _ in KNOWN})


def validate(spec: CacheSpec, direction: Direction, *, flag: str = "") -> None:
    """Raise UsageError for an unknown type or option, a bad value, or a missing required option.

    `flag` is the one to name in the error; by default --cache-from or --cache-to.
    """
    flag = flag or ("--cache-from" if direction == "import" else "--cache-to")
    options = KNOWN.get((spec.type, direction))
    if options is None:
        raise _unknown_type(spec.type, flag)
    for key, value in spec.options:
        kind = options.get(key)
        if kind is None:
            raise _unknown_option(spec.type, key, direction, flag)
        if not kind.fits(value):
            raise UsageError(
                f"{flag} type={spec.type}: {key}={value} is not {kind.form}",
                cause="BuildKit ignores a bad value or fails long after the build has begun",
            )
    required = _REQUIRED.get((spec.type, direction))
    if required and not spec.get(required):
        raise UsageError(f"{flag} type={spec.type}: {required} is missing", fix=f"add {required}=…")
    _check_level(spec, flag)


def takes(kind: str, direction: Direction, key: str) -> bool:
    """Whether BuildKit reads `key` for this type and direction."""
    return key in KNOWN.get((kind, direction), {})


def _check_level(spec: CacheSpec, flag: str) -> None:
    """Levels go to 22 with zstd, to 9 with gzip and estargz."""
    level, compression = spec.get("compression-level"), spec.get("compression", "gzip")
    if level and compression != "zstd" and int(level) > 9:
        raise UsageError(
            f"{flag} type={spec.type}: compression-level={level} is too high for {compression}",
            fix="use 0 to 9, or compression=zstd",
        )


def _unknown_type(kind: str, flag: str) -> UsageError:
    if kind == "inline":
        return UsageError(
            f"{flag}: type=inline can only be written",
            fix="read an inline cache with type=registry,ref=IMAGE",
        )
    return UsageError(f"{flag}: unknown cache type {kind!r}", fix=_closest(kind, TYPES))


def _unknown_option(kind: str, key: str, direction: Direction, flag: str) -> UsageError:
    other: Direction = "export" if direction == "import" else "import"
    if takes(kind, other, key):
        there = "--cache-to" if direction == "import" else "--cache-from"
        return UsageError(
            f"{flag} type={kind}: {key} has no effect here",
            cause=f"BuildKit reads {key} only in {there} and drops it silently here",
            fix=f"move {key} to {there}",
        )
    elsewhere = any(key in options for options in KNOWN.values())
    return UsageError(
        f"{flag} type={kind}: unknown option {key!r}",
        cause=f"type={kind} doesn't support it" if elsewhere else "BuildKit drops it silently",
        fix=_closest(key, KNOWN[kind, direction], KNOWN.get((kind, other), {})),
    )


def _closest(word: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    import difflib

    near = difflib.get_close_matches(word, sorted({*known, *also}), n=1)
    return f"did you mean {near[0]}?" if near else f"use one of: {', '.join(sorted(known))}"
