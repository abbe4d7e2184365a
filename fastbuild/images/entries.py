"""One file of an image, and reading all that a layer says about files."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, TYPE_CHECKING

from fastbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(StrEnum):
    """What a path is. HARD_LINK occurs in layers only: in an image both names are files."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    CHARACTER = "character device"
    BLOCK = "block device"
    FIFO = "fifo"
    HARD_LINK = "hard link"


KINDS = {
    **dict.fromkeys((tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE), Kind.FILE),
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.CHRTYPE: Kind.CHARACTER,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
    tarfile.LNKTYPE: Kind.HARD_LINK,
}
CHUNK = 1 << 20
XATTR = "SCHILY.xattr."
"""The PAX keyword of an extended attribute (archive/tar of Go, which writes all layers we read)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an image has at a path; times are left out on purpose.

    `mode` holds the permission bits with setuid, setgid and sticky. `size` is in bytes. `digest` is the
    sha256 of the content in hex (of `.pyc` files: see `comparable`). `links` are the other names of
    the same file, sorted. `device` is (major, minor). `layer` is the layer's index: where it came from,
    not what it is. A path that is not UTF-8 has surrogates (`os.fsdecode`).
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    digest: str = ""
    target: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    device: tuple[int, int] = (0, 0)
    links: tuple[str, ...] = ()
    layer: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer's own words: entries in order, paths it removes, directories whose old content it hides."""

    entries: tuple[tuple[str, Entry], ...]
    removed: frozenset[str]
    emptied: frozenset[str]


def read_layer(blob: IO[bytes], name: str) -> Layer:
    """Read a layer: a tar archive, plain or gzip. Raises EngineError naming it when it can't be read.

    Format: https://github.com/opencontainers/image-spec/blob/main/layer.md; extended attributes as
    Go's archive/tar writes them.
    """
    entries: list[tuple[str, Entry]] = []
    removed: set[str] = set()
    emptied: set[str] = set()
    with reading(name):
        for path, member, content in members(blob, name):
            folder, base = posixpath.split(path)
            if base == ".wh..wh..opq":
                emptied.add(folder)
            elif base.startswith(".wh..wh."):
                continue  # bookkeeping of AUFS
            elif base.startswith(".wh."):
                removed.add(posixpath.join(folder, base.removeprefix(".wh.")))
            else:
                entries.append((path, _entry(path, member, content, name)))
    return Layer(entries=tuple(entries), removed=frozenset(removed), emptied=frozenset(emptied))


def members(blob: IO[bytes], name: str) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes] | None]]:
    """Each member of a layer: absolute path, header, and the content of a regular file.

    To be used within `reading`.
    """
    with (
        _plain(blob, name) as stream,
        tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            yield absolute(member.name, name), member, content


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what goes wrong while a layer is read into an EngineError that names it."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise unreadable(name, str(error)) from error


def absolute(name: str, layer: str) -> str:
    """`./a/b/` → `/a/b`. Raises EngineError for a path that leads out of the image."""
    path = posixpath.normpath("/" + name.lstrip("/"))
    if ".." in name.split("/"):
        raise unreadable(layer, f"the path {name!r} leads out of the image")
    return path


def unreadable(what: str, why: str) -> EngineError:
    """The error for an image or a part of it that can't be read."""
    return EngineError(
        f"the image can't be read: {what}: {why}",
        cause="the archive is damaged or incomplete",
        fix="check the free space of the temporary directory (TMPDIR), and build again",
    )


@contextmanager
def _plain(blob: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    magic = blob.read(4)
    blob.seek(0)
    if magic == b"\x28\xb5\x2f\xfd":
        raise EngineError(
            f"the image can't be read: {name} is compressed with zstd",
            fix="export the image with compression=gzip,force-compression=true",
        )
    if magic[:2] != b"\x1f\x8b":
        yield blob
        return
    with gzip.GzipFile(fileobj=blob) as stream:
        yield stream  # type: ignore[misc]  # it is an IO[bytes] in all but name


def _entry(path: str, member: tarfile.TarInfo, content: IO[bytes] | None, layer: str) -> Entry:
    kind = KINDS.get(member.type)
    if kind is None:
        raise unreadable(layer, f"{path} is of the unknown type {member.type!r}")
    is_device = kind in (Kind.CHARACTER, Kind.BLOCK)
    target = member.linkname if kind is Kind.SYMLINK else ""
    if kind is Kind.HARD_LINK:
        target = absolute(member.linkname, layer)
    return Entry(
        kind=kind,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size if content else 0,
        digest=content_digest(path, content) if content else "",
        target=target,
        xattrs=_xattrs(member),
        device=(member.devmajor, member.devminor) if is_device else (0, 0),
    )


def _xattrs(member: tarfile.TarInfo) -> tuple[tuple[str, bytes], ...]:
    found = (
        (key.removeprefix(XATTR), value.encode("utf-8", "surrogateescape"))
        for key, value in member.pax_headers.items()
        if key.startswith(XATTR)
    )
    return tuple(sorted(found))


PYC_HEADER = 16


def content_digest(path: str, content: IO[bytes]) -> str:
    """sha256 in hex of a file's content, as `comparable` gives it."""
    digest = hashlib.sha256()
    chunk = comparable(path, content.read(CHUNK))
    while chunk:
        digest.update(chunk)
        chunk = content.read(CHUNK)
    return digest.hexdigest()


def comparable(path: str, content: bytes) -> bytes:
    """A file's content, or its first bytes; of a `.pyc` file without the time of its source.

    Bytes 8 to 12 of a `.pyc` whose flags are 0 hold the source's mtime (PEP 552). Python uses them for
    one thing: to see whether the source was touched since; it then compiles the source again. The code
    that follows and the source itself are compared in full, and times never are, so two files that
    differ there alone run the same code. A hash-based `.pyc` (flags not 0) and the formats before
    Python 3.7 (where these bytes can't be 0) are taken as they are.
    """
    if path.endswith(".pyc") and len(content) >= PYC_HEADER and content[4:8] == bytes(4):
        return content[:8] + bytes(4) + content[12:]
    return content
