"""Which arguments of a system call are paths, and what the call does to them.

Argument order: the manual page of each call, section 2. `folder` is the argument with the directory's file
descriptor, `path` the one with the path, `flags` the one with AT_* flags; -1 where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Deed(Enum):
    """What a call does to the path."""

    LOOK = 1
    OPEN = 2
    EXECUTE = 3
    LIST = 4
    MAKE = 5
    MAKE_FOLDER = 6
    MAKE_LINK = 7
    REMOVE = 8
    CHANGE = 9
    RENAME = 10
    HARD_LINK = 11
    ENTER = 12


@dataclass(frozen=True, slots=True)
class Signature:
    """One call; `follows`: a link at the end of the path is followed when no flag speaks of it."""

    deed: Deed
    path: int = 0
    folder: int = -1
    flags: int = -1
    follows: bool = True


_LOOKS = ("stat", "stat64", "oldstat", "access", "statfs", "statfs64", "getxattr", "listxattr", "uselib")
_LOOKS_AT_LINKS = ("lstat", "lstat64", "oldlstat", "readlink", "lgetxattr", "llistxattr")
_CHANGES = (
    "chmod",
    "chown",
    "chown32",
    "truncate",
    "truncate64",
    "utime",
    "utimes",
    "setxattr",
    "removexattr",
)
_CHANGES_LINKS = ("lchown", "lchown32", "lsetxattr", "lremovexattr")
CHANGES_OPEN_FILE = frozenset({"fchmod", "fchown", "fchown32", "fsetxattr", "fremovexattr"})

SIGNATURES: dict[str, Signature] = {
    **{name: Signature(Deed.LOOK) for name in _LOOKS},
    **{name: Signature(Deed.LOOK, follows=False) for name in _LOOKS_AT_LINKS},
    **{name: Signature(Deed.LOOK, 1, 0, 3) for name in ("newfstatat", "fstatat64")},
    **{name: Signature(Deed.LOOK, 1, 0, 2) for name in ("statx", "getxattrat", "listxattrat")},
    "faccessat": Signature(Deed.LOOK, 1, 0),
    "faccessat2": Signature(Deed.LOOK, 1, 0, 3),
    "readlinkat": Signature(Deed.LOOK, 1, 0, follows=False),
    "name_to_handle_at": Signature(Deed.LOOK, 1, 0, 4, follows=False),
    "inotify_add_watch": Signature(Deed.LOOK, 1),
    "open": Signature(Deed.OPEN, flags=1),
    "openat": Signature(Deed.OPEN, 1, 0, 2),
    "openat2": Signature(Deed.OPEN, 1, 0, 2),
    "creat": Signature(Deed.OPEN),
    "execve": Signature(Deed.EXECUTE),
    "execveat": Signature(Deed.EXECUTE, 1, 0, 4),
    "getdents": Signature(Deed.LIST),
    "getdents64": Signature(Deed.LIST),
    "mkdir": Signature(Deed.MAKE_FOLDER, follows=False),
    "mkdirat": Signature(Deed.MAKE_FOLDER, 1, 0, follows=False),
    "mknod": Signature(Deed.MAKE, follows=False),
    "mknodat": Signature(Deed.MAKE, 1, 0, follows=False),
    "symlink": Signature(Deed.MAKE_LINK, 1, follows=False),
    "symlinkat": Signature(Deed.MAKE_LINK, 2, 1, follows=False),
    "link": Signature(Deed.HARD_LINK, follows=False),
    "linkat": Signature(Deed.HARD_LINK, 1, 0, 4, follows=False),
    "rename": Signature(Deed.RENAME, follows=False),
    "renameat": Signature(Deed.RENAME, 1, 0, follows=False),
    "renameat2": Signature(Deed.RENAME, 1, 0, 4, follows=False),
    "rmdir": Signature(Deed.REMOVE, follows=False),
    "unlink": Signature(Deed.REMOVE, follows=False),
    "unlinkat": Signature(Deed.REMOVE, 1, 0, follows=False),
    **{name: Signature(Deed.CHANGE) for name in _CHANGES},
    **{name: Signature(Deed.CHANGE, follows=False) for name in _CHANGES_LINKS},
    **{name: Signature(Deed.CHANGE, 1, 0) for name in ("fchmodat", "futimesat")},
    "fchmodat2": Signature(Deed.CHANGE, 1, 0, 3),
    "fchownat": Signature(Deed.CHANGE, 1, 0, 4),
    **{name: Signature(Deed.CHANGE, 1, 0, 3) for name in ("utimensat", "utimensat_time64")},
    **{name: Signature(Deed.CHANGE, 1, 0, 2) for name in ("setxattrat", "removexattrat")},
    "chdir": Signature(Deed.ENTER),
    "fchdir": Signature(Deed.ENTER),
}

_SOCKETS = "socket socketpair listen accept accept4 getsockname getpeername send recv sendto recvfrom"
HARMLESS = frozenset(
    {"getcwd", "fanotify_mark", *_SOCKETS.split(), "shutdown", "setsockopt", "getsockopt"}
    | {"sendmsg", "recvmsg", "sendmmsg", "recvmmsg"}
)
"""Traced because they stand in a group; what they do is seen elsewhere or is nothing."""

UNSEEN = {
    "io_uring_setup": "io_uring, whose work strace does not see",
    "open_by_handle_at": "open_by_handle_at, which needs no path",
    "setns": "another namespace",
}
"""Calls after which a trace is not the whole truth, and how to say it."""

IDENTITY = {"setuid": 0, "setuid32": 0, "setreuid": 1, "setreuid32": 1, "setresuid": 1, "setresuid32": 1}
"""Calls that change the effective user, and which argument is its id."""
