"""Copying one file of a context: bytes, mtime and the extended attributes that BuildKit sends."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1024 * 1024
_SMALL = 64 * 1024
"""Bytes up to which one read and one write are the fastest."""
_CANNOT = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.EIO}


def copy_file(source: Path, target: Path, mode: int) -> float:
    """Copy a regular file to a new one with the permission bits `mode`; returns the source's ctime.

    In seconds since the epoch. Raises OSError, also where `source` is no regular file (any more).
    """
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    reading = os.open(source, os.O_RDONLY | os.O_NONBLOCK | flags)
    try:
        info = os.fstat(reading)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more", str(source))
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
        try:
            _copy_bytes(reading, writing, info.st_size)
            for name in _sent_attributes(reading):
                os.setxattr(writing, name, os.getxattr(reading, name))
            os.fchmod(writing, mode)  # after writing, which takes setuid away
            os.utime(writing, ns=(info.st_mtime_ns, info.st_mtime_ns))
        finally:
            os.close(writing)
        return info.st_ctime
    finally:
        os.close(reading)


def _copy_bytes(reading: int, writing: int, size: int) -> None:
    if size > _SMALL:
        try:
            while os.copy_file_range(reading, writing, 1 << 30):
                pass
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    # what is left: all of a small file, nothing of one that was copied by the kernel
    while data := os.read(reading, CHUNK):
        view = memoryview(data)
        while view:
            view = view[os.write(writing, view) :]


def copy_attributes(source: Path, target: Path) -> None:
    """Make the extended attributes of `target` those of `source`. Raises OSError."""
    wanted = {name: os.getxattr(source, name) for name in _sent_attributes(source)}
    for name in _sent_attributes(target):
        if name not in wanted:
            os.removexattr(target, name)
    for name, value in wanted.items():
        os.setxattr(target, name, value)


def _sent_attributes(file: int | Path) -> list[str]:
    """Those that BuildKit sends and counts: cache/contenthash/tarsum.go and fsutil's stat_unix.go."""
    try:
        names = os.listxattr(file)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return []
        raise
    ignored = ("security.", "system.", "com.apple.")
    return [n for n in names if n == "security.capability" or not n.startswith(ignored)]


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files have the same content; False where one can't be read."""
    try:
        with one.open("rb") as first, other.open("rb") as second:
            while True:
                data = first.read(CHUNK)
                if data != second.read(CHUNK):
                    return False
                if not data:
                    return True
    except OSError:
        return False
