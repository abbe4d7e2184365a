"""The key of one operation, as BuildKit computes it from the operation's definition alone.

Formulas: `CacheMap` in solver/llbsolver/ops/{exec,file,merge,diff}.go and the `CacheKey` of each source,
BuildKit v0.34. A key says nothing of what is above: records are linked to those of their inputs.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.keys import wire
from fastbuild.keys.mounts import mount_inputs
from fastbuild.keys.selectors import Input, Selection, Selectors
from fastbuild.keys.sources import source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.keys.graph import Op

__all__ = ["Input", "OpKey", "Selection", "op_key", "record_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpKey:
    """The digest of an operation, what it is the hash of, and how each of its inputs is looked up."""

    digest: str
    plaintext: str
    inputs: tuple[Input, ...]


def op_key(op: Op, default_platform: tuple[str, str, str]) -> OpKey | None:
    """The key of an operation of a graph that was read by `read_graph`.

    `default_platform` is the engine's own: operating system, architecture, variant. None where the key
    can't be known from the graph: local files, git without a commit, URLs without a checksum, nested
    builds, operations with a part that BuildKit v0.34 does not have, and those that it would refuse.
    """
    try:
        return _op_key(op, default_platform)
    except ValueError:
        return None


def record_key(op_digest: str, output: int) -> str:
    """The name of a record: one output of an operation, or -1 for content (solver/cachekey.go)."""
    return digest(f"{op_digest}@{output}")


def digest(text: str) -> str:
    """`sha256:` and the hash of the text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _op_key(op: Op, default_platform: tuple[str, str, str]) -> OpKey | None:
    if op.kind == "exec":
        return _exec(op, default_platform)
    if op.kind == "file":
        return _file(op)
    if op.kind in LINKED:
        name, message = LINKED[op.kind]
        value = {"Type": f"buildkit.{op.kind}.v0", name: wire.message(message, op.body)}
        return _key(value, (Input(),) * len(op.inputs))
    if op.kind == "source":
        text = source_text(op.body, _platform(op, default_platform))
        return None if text is None else OpKey(digest=digest(text), plaintext=text, inputs=())
    return None


LINKED = {"merge": ("Merge", "MergeOp"), "diff": ("Diff", "DiffOp")}
LINKED |= {"passthrough": ("Passthrough", "PassthroughOp")}
"""Operations whose inputs are never compared by content."""


def _key(value: Mapping[str, Any], inputs: Iterable[Input]) -> OpKey:
    text = wire.go_json(value)
    return OpKey(digest=digest(text), plaintext=text, inputs=tuple(inputs))


def _exec(op: Op, default_platform: tuple[str, str, str]) -> OpKey | None:
    message = wire.message("ExecOp", op.body)
    if message.get("cdiDevices"):
        return None  # the daemon replaces them by what it has
    mounts = message.get("mounts", [])
    inputs = mount_inputs(mounts, len(op.inputs))
    _forget(message)
    value = {"Type": "buildkit.exec.v0", "Exec": message, **_platform(op, default_platform)}
    return _key(value, inputs)


def _forget(message: dict[str, Any]) -> None:
    """Take out what may change without a new key."""
    meta = message.get("meta", {})
    meta.pop("proxy_env", None)
    for host in meta.get("extraHosts", ()):
        host.pop("IP", None)
    mounts = message.get("mounts", [])
    for mount in mounts:
        mount.pop("selector", None)
        if not _default_cache(mount):
            mount["cacheOpt"] = {}
    # The key of a plain RUN is that of versions which forgot the mounts.
    if len(mounts) == 1 and mounts[0].get("dest") == "/" and mounts[0].keys() <= PLAIN_ROOT:
        del message["mounts"]


PLAIN_ROOT = frozenset({"dest", "input", "output", "TmpfsOpt", "contentCache"})
"""All that a root mount may have to count as plain."""


def _default_cache(mount: Mapping[str, Any]) -> bool:
    """Whether a mount is no cache, or a cache under the name that the frontend gives by itself.

    That name is the target, or the target after a name space of the user's choice and a slash.
    """
    if "cacheOpt" not in mount:
        return True
    cache, target = mount["cacheOpt"], mount.get("dest", "")
    name = cache.get("ID", "")
    _, slash, rest = name.partition("/")
    return not cache.get("sharing") and (name == target or (bool(slash) and rest == target))


def _platform(op: Op, default: tuple[str, str, str]) -> dict[str, Any]:
    """The platform's part of a key, normalised as the engine does on loading a graph."""
    given = any((*op.platform, op.os_version, op.os_features))
    system, architecture, variant = normal_platform(*(op.platform if given else default))
    parts: dict[str, Any] = {"OS": system, "Arch": architecture}
    features = sorted(set(op.os_features))
    rest = {"Variant": variant, "OSVersion": op.os_version, "OSFeatures": features}
    return parts | {name: value for name, value in rest.items() if value}


def normal_platform(system: str, architecture: str, variant: str) -> tuple[str, str, str]:
    """One spelling for each platform: containerd/platforms, `Normalize`."""
    system, architecture, variant = system.lower() or "linux", architecture.lower(), variant.lower()
    system = "darwin" if system == "macos" else system
    architecture, fixed = ARCHITECTURES.get(architecture, (architecture, None))
    variant = variant if fixed is None else fixed
    return system, architecture, VARIANTS.get((architecture, variant), variant)


ARCHITECTURES: Mapping[str, tuple[str, str | None]] = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Other names of architectures, with the variant that each means, or None where it is as given."""
VARIANTS: Mapping[tuple[str, str], str] = {
    ("amd64", "v1"): "",
    **{("arm64", variant): "" for variant in ("8", "v8", "v8.0")},
    **{("arm64", variant): "v9" for variant in ("9", "9.0", "v9.0")},
    **{("arm", variant): f"v{variant or 7}" for variant in ("", "5", "6", "7", "8")},
}


def _file(op: Op) -> OpKey:
    selectors = Selectors(len(op.inputs))
    actions, indexes = [], []
    for raw in op.body.get("actions") or ():
        action = wire.message("FileAction", raw)
        place = [action.get(name, 0) for name in ("input", "secondaryInput", "output")]
        indexes.append(place)
        selectors.never(place[0])
        kind, body = next(((name, action[name]) for name in ACTIONS if name in action), ("", {}))
        if kind != "rm":
            _owner(body, selectors)
        if kind == "copy" and place[1] != -1 and place[1] < len(op.inputs):
            selectors.add(place[1], body)
            _rename(body)
        actions.append(base64.b64encode(wire.go_json(body).encode()).decode() if kind else None)
    value: dict[str, Any] = {"Type": "buildkit.file.v0", "Actions": actions}
    if not _ordinary(indexes):
        value["indexes"] = indexes
    return _key(value, selectors.inputs())


ACTIONS = ("copy", "mkfile", "mkdir", "rm", "symlink")


def _rename(body: dict[str, Any]) -> None:
    """Only the last part of a source's path is in the key: the rest is in the content's."""
    rest = dict(body)
    body.clear()
    source = rest.pop("src", "")
    body["src"] = posixpath.basename(source.rstrip("/")) or ("/" if source else ".")
    body.update(rest)


def _owner(body: Mapping[str, Any], selectors: Selectors) -> None:
    """A name is looked up in a file of one of the inputs."""
    for who, file in (("user", "/etc/passwd"), ("group", "/etc/group")):
        name = body.get("owner", {}).get(who, {}).get("User", {}).get("byName")
        if name is not None:
            selectors.add(name.get("input", 0), {"src": file, "followSymlink": True})


def _ordinary(indexes: list[list[int]]) -> bool:
    """Whether actions form a chain on the first input and take from the second: not in the key then."""
    last = len(indexes) - 1
    return bool(indexes) and all(
        place[0] == (len(indexes) + i - 1 if i else 0)
        and place[1] in (-1, 1)
        and place[2] == (0 if i == last else -1)
        for i, place in enumerate(indexes)
    )
