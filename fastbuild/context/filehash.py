"""BuildKit's digest of one entry of a build context: its header, and a file's bytes after it.

Sources: cache/contenthash/{filehash,tarsum}.go and client/solve.go of BuildKit v0.34.1, stat_unix.go of
tonistiigi/fsutil, `FileInfoHeader` of Go's archive/tar. The client sends every entry as owned by 0:0, the
header has no name and no time, so neither counts. What a directory holds is hashed elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TYPEFLAGS = {
    stat.S_IFREG: "0",
    stat.S_IFLNK: "2",
    stat.S_IFCHR: "3",
    stat.S_IFBLK: "4",
    stat.S_IFDIR: "5",
    stat.S_IFIFO: "6",
}
_LINK_MODE = 0o777
"""What every symbolic link has on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One entry of a tree. `kind` is "file", "directory", "symlink" or "other" (a pipe, a device).

    `mode` is the permission bits with setuid, setgid and sticky; `target` a link's text.
    """

    kind: str
    mode: int
    target: str = ""


def header(
    kind: int,
    mode: int,
    *,
    size: int = 0,
    target: str = "",
    device: tuple[int, int] = (0, 0),
    xattrs: Mapping[str, bytes] | None = None,
) -> bytes:
    """The bytes that BuildKit hashes before an entry's own.

    `kind` is one of stat's S_IF numbers, `mode` the permission bits with setuid, setgid and sticky, `size`
    a regular file's length in bytes, `target` a link's text, `device` major and minor. Raises ValueError
    for a kind that can't be in a layer, such as a socket.
    """
    flag = _TYPEFLAGS.get(kind)
    if flag is None:
        raise ValueError(f"not a file, directory, link, device or pipe: {kind:#o}")
    link = os.fsencode(target) if kind == stat.S_IFLNK else b""
    length = size if kind == stat.S_IFREG else 0
    head = f"namemode{mode & 0o7777}uid0gid0size{length}typeflag{flag}linkname".encode()
    tail = f"unamegnamedevmajor{device[0]}devminor{device[1]}".encode()
    return head + link + tail + _xattr_text(xattrs or {})


def counts(name: str) -> bool:
    """Whether an extended attribute is sent and hashed."""
    if name == "security.capability":
        return True
    return not name.startswith(("security.", "system.", "com.apple."))


def file_digest(mode: int, data: bytes, xattrs: Mapping[str, bytes] | None = None) -> str:
    """Of a regular file whose bytes are at hand; `mode` as for `header`."""
    head = header(stat.S_IFREG, mode, size=len(data), xattrs=xattrs)
    return f"sha256:{hashlib.sha256(head + data).hexdigest()}"


def directory_digest(mode: int, xattrs: Mapping[str, bytes] | None = None) -> str:
    """Of a directory's header alone."""
    return f"sha256:{hashlib.sha256(header(stat.S_IFDIR, mode, xattrs=xattrs)).hexdigest()}"


def symlink_digest(target: str, xattrs: Mapping[str, bytes] | None = None) -> str:
    """Of a symbolic link with this text."""
    head = header(stat.S_IFLNK, _LINK_MODE, target=target, xattrs=xattrs)
    return f"sha256:{hashlib.sha256(head).hexdigest()}"


def read_xattrs(place: str | int) -> dict[str, bytes]:
    """The extended attributes that count, of an open file or of a path whose last link is not followed.

    What can't be read is left out, as the client leaves it out.
    """
    follow = isinstance(place, int)  # a descriptor can't be asked otherwise
    try:
        names: Iterable[str] = os.listxattr(place, follow_symlinks=follow)
    except OSError:
        return {}
    found = {}
    for name in names:
        if counts(name):
            try:
                found[name] = os.getxattr(place, name, follow_symlinks=follow)
            except OSError:
                continue
    return found


def _xattr_text(xattrs: Mapping[str, bytes]) -> bytes:
    if not xattrs:
        return b""
    pairs = sorted((os.fsencode(name), value) for name, value in xattrs.items() if counts(name))
    return b"".join(name + value for name, value in pairs)
