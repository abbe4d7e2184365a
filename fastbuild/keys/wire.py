"""BuildKit's messages from protojson to the JSON that its keys are hashes of.

A key is a hash of what Go's encoding/json writes for a message of solver/pb: fields in the order of
ops.proto under the names of their json tags, zero values left out, enums as numbers, and three types
with an encoding of their own (solver/pb/json.go). `frontend.convertllb` gives the same messages as
protojson: 64-bit integers as strings, enums as names, other field names in part.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class WireError(ValueError):
    """A value that is not protojson of its message."""


class UnknownFieldError(WireError):
    """A field that this table lacks: a newer BuildKit wrote it, and may hash it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its name in protojson and in Go's JSON, what it holds, and whether it is a list."""

    name: str
    tag: str
    type: str
    repeated: bool = False


ENUMS: Mapping[str, tuple[str, ...]] = {
    "NetMode": ("UNSET", "HOST", "NONE"),
    "SecurityMode": ("SANDBOX", "INSECURE"),
    "MountType": ("BIND", "SECRET", "SSH", "CACHE", "TMPFS"),
    "MountContentCache": ("DEFAULT", "ON", "OFF"),
    "CacheSharingOpt": ("SHARED", "PRIVATE", "LOCKED"),
}


def _fields(text: str) -> tuple[Field, ...]:
    """Fields as `name:type`, with `=tag` where Go's name differs and `[]` after the type of a list."""
    return tuple(_field(part) for part in text.split())


def _field(text: str) -> Field:
    names, _, kind = text.partition(":")
    name, _, tag = names.partition("=")
    return Field(name=name, tag=tag or name, type=kind.removesuffix("[]"), repeated=kind.endswith("[]"))


MESSAGES: Mapping[str, tuple[Field, ...]] = {
    "ExecOp": _fields(
        "meta:Meta mounts:Mount[] network:NetMode security:SecurityMode secretenv:SecretEnv[] "
        "cdiDevices:CDIDevice[]"
    ),
    "Meta": _fields(
        "args:string[] env:string[] cwd:string user:string proxyEnv=proxy_env:ProxyEnv "
        "extraHosts:HostIP[] hostname:string ulimit:Ulimit[] cgroupParent:string "
        "removeMountStubsRecursive:bool validExitCodes:int32[]"
    ),
    "ProxyEnv": _fields(
        "httpProxy=http_proxy:string httpsProxy=https_proxy:string ftpProxy=ftp_proxy:string "
        "noProxy=no_proxy:string allProxy=all_proxy:string"
    ),
    "HostIP": _fields("Host:string IP:string"),
    "Ulimit": _fields("Name:string Soft:int64 Hard:int64"),
    "SecretEnv": _fields("ID:string name:string optional:bool"),
    "CDIDevice": _fields("name:string optional:bool"),
    "Mount": _fields(
        "input:int64 selector:string dest:string output:int64 readonly:bool mountType:MountType "
        "TmpfsOpt:TmpfsOpt cacheOpt:CacheOpt secretOpt:SecretOpt SSHOpt:SSHOpt resultID:string "
        "contentCache:MountContentCache"
    ),
    "TmpfsOpt": _fields("size:int64"),
    "CacheOpt": _fields("ID:string sharing:CacheSharingOpt"),
    "SecretOpt": _fields("ID:string uid:uint32 gid:uint32 mode:uint32 optional:bool"),
    "SSHOpt": _fields("ID:string uid:uint32 gid:uint32 mode:uint32 optional:bool"),
    "FileOp": _fields("actions:FileAction[]"),
    "FileAction": _fields(
        "input:int64 secondaryInput:int64 output:int64 copy:FileActionCopy mkfile:FileActionMkFile "
        "mkdir:FileActionMkDir rm:FileActionRm symlink:FileActionSymlink"
    ),
    "FileActionCopy": _fields(
        "src:string dest:string owner:ChownOpt mode:int32 followSymlink:bool dirCopyContents:bool "
        "attemptUnpackDockerCompatibility:bool createDestPath:bool allowWildcard:bool "
        "allowEmptyWildcard:bool timestamp:int64 includePatterns=include_patterns:string[] "
        "excludePatterns=exclude_patterns:string[] alwaysReplaceExistingDestPaths:bool modeStr:string "
        "requiredPaths=required_paths:string[]"
    ),
    "FileActionMkFile": _fields("path:string mode:int32 data:bytes owner:ChownOpt timestamp:int64"),
    "FileActionSymlink": _fields("oldpath:string newpath:string owner:ChownOpt timestamp:int64"),
    "FileActionMkDir": _fields("path:string mode:int32 makeParents:bool owner:ChownOpt timestamp:int64"),
    "FileActionRm": _fields("path:string allowNotFound:bool allowWildcard:bool"),
    "ChownOpt": _fields("user:UserOpt group:UserOpt"),
    "UserOpt": _fields("byName:NamedUserOpt byID=byId:uint32"),
    "NamedUserOpt": _fields("name:string input:int64"),
    "MergeOp": _fields("inputs:InputIndex[]"),
    "InputIndex": _fields("input:int64"),
    "DiffOp": _fields("lower:InputIndex upper:InputIndex"),
    "PassthroughOp": _fields("id:string outputs:int64[]"),
}
"""solver/pb/ops.proto of BuildKit v0.34, with field numbers' order; messages that no key holds are absent."""

INTEGERS = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "int64": (-(2**63), 2**63)}
"""Least value, and the first that is too large."""
DECIMAL = re.compile(r"-?[0-9]{1,20}")


def message(name: str, value: object, *, strict: bool = True) -> dict[str, Any]:
    """The fields of a message as Go would write them, zero values left out.

    Raises WireError where `value` is not protojson of the message, UnknownFieldError where it may be that
    of a newer one. Not `strict`: what is unknown is left out.
    """
    if not isinstance(value, dict):
        raise WireError(f"{name}: an object was expected")
    fields = MESSAGES[name]
    if strict and not value.keys() <= {field.name for field in fields}:
        raise UnknownFieldError(f"{name} has an unknown field")
    written = {}
    for field in fields:
        given = value.get(field.name)
        found = None if given is None else _value(field, given, strict)
        # A message that is there is written even if all of it is zero.
        if found or isinstance(found, dict):
            written[field.tag] = found
    return {"User": written} if name == "UserOpt" else written


def _value(field: Field, value: object, strict: bool) -> Any:
    if not field.repeated:
        return _single(field.type, value, strict)
    if not isinstance(value, list):
        raise WireError(f"{field.name}: a list was expected")
    return [_single(field.type, item, strict) for item in value]


def _single(kind: str, value: object, strict: bool) -> Any:
    if kind in MESSAGES:
        return message(kind, value, strict=strict)
    if kind in ENUMS:
        return _enum(kind, value, strict)
    if kind in INTEGERS:
        return integer(kind, value)
    return SCALARS[kind](value)


def _enum(kind: str, value: object, strict: bool) -> int:
    if not isinstance(value, str):
        return integer("int32", value)
    if value in ENUMS[kind]:
        return ENUMS[kind].index(value)
    if strict:
        raise UnknownFieldError(f"{kind} has an unknown value")
    return 0


def integer(kind: str, value: object) -> int:
    """A number of type `kind`, a key of INTEGERS. Raises WireError."""
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError(f"{kind}: a number was expected")
    least, end = INTEGERS[kind]
    if not least <= value < end:
        raise WireError(f"{kind}: a number is out of range")
    return value


def string(value: object) -> str:
    """A string that can be encoded. Raises WireError."""
    if not isinstance(value, str):
        raise WireError("a string was expected")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise WireError("a string holds half a surrogate pair")
    return value


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise WireError("true or false was expected")
    return value


def _bytes(value: object) -> str:
    """Both sides write base64: here it is only checked."""
    try:
        return base64.b64encode(base64.b64decode(string(value), validate=True)).decode()
    except (binascii.Error, ValueError) as error:
        raise WireError("base64 was expected") from error


SCALARS: Mapping[str, Callable[[object], Any]] = {"string": string, "bool": _bool, "bytes": _bytes}


def go_json(value: object) -> str:
    """`value` as Go's encoding/json writes it: no spaces, and safe within HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Outside of strings none of these characters can stand.
    return text.translate(HTML)


HTML = {ord(char): f"\\u{ord(char):04x}" for char in "&<>\u2028\u2029"}
