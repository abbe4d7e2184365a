"""Layers and archives as engines write them, small enough to read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from fastbuild.images.entries import read_layer
from fastbuild.images.rootfs import merge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.images.entries import Entry

TYPES = {
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "file": tarfile.REGTYPE,
}


def member(
    name: str, kind: str = "file", content: bytes = b"", **facts: Any
) -> tuple[tarfile.TarInfo, bytes]:
    """A header and its content; `facts` are TarInfo's attributes, `xattrs` a mapping of texts."""
    info = tarfile.TarInfo(name)
    info.type = TYPES[kind]
    info.size = len(content)
    info.mode = facts.pop("mode", 0o755 if kind == "dir" else 0o644)
    info.pax_headers = {f"SCHILY.xattr.{k}": v for k, v in facts.pop("xattrs", {}).items()}
    for key, value in facts.items():
        setattr(info, key, value)
    return info, content


def layer(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A layer's tar archive."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def files(*layers: bytes) -> Mapping[str, Entry]:
    """The merged files of layers."""
    return merge(read_layer(io.BytesIO(blob), f"layer {number}") for number, blob in enumerate(layers))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def text(value: object) -> bytes:
    return json.dumps(value).encode()


CONFIG = {"os": "linux", "architecture": "amd64", "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]}}


def oci_blobs(*layers: bytes, config: Mapping[str, Any] | None = None) -> tuple[dict[str, bytes], str]:
    """The blobs of one image by name, and its manifest's digest."""
    diffs = [f"sha256:{digest(_plain(blob))}" for blob in layers]
    described = {**(config or CONFIG), "rootfs": {"type": "layers", "diff_ids": diffs}}
    blobs = [text(described), *layers]
    entries = [{"digest": f"sha256:{digest(blob)}", "size": len(blob)} for blob in blobs]
    manifest = text({"schemaVersion": 2, "config": entries[0], "layers": entries[1:]})
    named = {f"blobs/sha256/{digest(blob)}": blob for blob in (*blobs, manifest)}
    return named, f"sha256:{digest(manifest)}"


def _plain(blob: bytes) -> bytes:
    return gzip.decompress(blob) if blob.startswith(b"\x1f\x8b") else blob


def oci(path: Path, *layers: bytes, config: Mapping[str, Any] | None = None) -> Path:
    """An OCI archive of one image."""
    blobs, manifest = oci_blobs(*layers, config=config)
    return tar(path, {**blobs, "index.json": text({"manifests": [{"digest": manifest}]})})


def tar(path: Path, named: Mapping[str, bytes]) -> Path:
    """An archive of named files."""
    path.write_bytes(layer(*(member(name, content=content) for name, content in named.items())))
    return path
