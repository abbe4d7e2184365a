"""The effects of commands that add users and groups, and where names of both are looked up.

Sources: the manuals of shadow, adduser and busybox.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import Effects
from fastbuild.reorder.operands import GLOB, foreign_option

if TYPE_CHECKING:
    from fastbuild.reorder.effects import Place

NAMES = frozenset({"/etc/passwd", "/etc/group", "/etc/nsswitch.conf"})
"""Where names of users and groups are looked up."""
_WRITTEN = frozenset(
    {
        *("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"),
        *("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"),
        *("/etc/.pwd.lock", "/var/mail", "/var/spool/mail", "/var/log/lastlog", "/var/log/faillog", "/home"),
    }
)


def accounts(name: str, args: tuple[str, ...], _place: Place) -> Effects:
    """useradd, adduser and their kin: the account files, and a home below /home or where `-d`, `-h` say."""
    if name == "usermod" and any(_MOVES.fullmatch(arg) for arg in args):
        return foreign_option(name)
    homes = {args[at + 1] for at, arg in enumerate(args[:-1]) if _HOMES.fullmatch(arg)}
    homes |= {
        arg.partition("=")[2] for arg in args if arg.startswith(("--home=", "--home-dir=", "--base-dir="))
    }
    if any(not home.startswith("/") or GLOB.search(home) for home in homes):
        return foreign_option(name)
    if any(arg in ("-R", "--root", "-P", "--prefix", "-k", "--skel", "--conf") for arg in args):
        return foreign_option(name)
    if name == "useradd" and "-D" in args:
        return foreign_option(name)
    written = _WRITTEN | homes
    return Effects(reads=written | {"/etc", "/usr/local/sbin/adduser.local"}, writes=written)


_HOMES = re.compile(r"-[A-Za-z]*[dhb]|--home|--home-dir|--base-dir")
_MOVES = re.compile(r"-[A-Za-z]*m[A-Za-z]*|--move-home")
