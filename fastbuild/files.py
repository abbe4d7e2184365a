"""Writing the user's files: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from fastbuild.errors import UsageError


def replace_file(path: Path, data: bytes) -> None:
    """Write beside `path` and rename over it, so that the old file stands until the new one is complete.

    An existing file keeps its mode and owner, a new one gets what the umask leaves. A link stays: what it
    leads to is replaced. A device or pipe is written to. Raises OSError; a read-only file is refused.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    info = path.stat() if path.exists() else None
    if info is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "it is read-only", str(path))
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        beside.chmod(info.st_mode & 0o7777 if info else 0o666 & ~_umask())
        if info is not None and (info.st_uid, info.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(beside, info.st_uid, info.st_gid)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def check_writable(path: Path) -> None:
    """Raise UsageError before a long build if writing a file would fail after it; leaves nothing behind."""
    import tempfile

    try:
        if path.exists() and not path.is_file():
            with path.open("ab"):
                return
        with tempfile.NamedTemporaryFile(dir=path.resolve().parent, prefix=f".{path.name}."):
            return
    except OSError as error:
        raise not_writable(path, error) from error


def not_writable(path: Path, error: OSError) -> UsageError:
    """What to tell the user about a file that can't be written."""
    return UsageError(
        f"{path} can't be written: {error.strerror}",
        cause="the directory is absent or read-only, or the disk is full",
        fix="name a file in a directory that can be written",
    )
