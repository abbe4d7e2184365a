"""The effects of ordinary shell commands.

Sources: POSIX.1-2017 volume 3 and the manuals of GNU coreutils and busybox. An option that is not in a table
makes the command unknown: it may have an argument that names a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.reorder.accounts import NAMES, accounts
from fastbuild.reorder.effects import NONE, Effects, unknown
from fastbuild.reorder.operands import GLOB, foreign_option, split_options, trees

if TYPE_CHECKING:
    from fastbuild.reorder.effects import Place

Handler = Callable[[str, tuple[str, ...], "Place"], Effects]


def _nothing(_name: str, _args: tuple[str, ...], _place: Place) -> Effects:
    return NONE


def _printf(name: str, args: tuple[str, ...], _place: Place) -> Effects:
    """bash's `printf -v NAME` sets a variable."""
    return foreign_option(name) if args[:1] == ("-v",) else NONE


def _set(name: str, args: tuple[str, ...], _place: Place) -> Effects:
    """Without arguments it lists all variables; `set -a` exports what is assigned after it."""
    if any(re.match(r"[-+][a-z]*a|allexport", arg) for arg in args):
        return foreign_option(name)
    return NONE if args else Effects(env=None)


def _date(name: str, args: tuple[str, ...], _place: Place) -> Effects:
    """`-r FILE` and `-f FILE` read a file."""
    return NONE if all(arg.startswith("+") or arg == "-u" for arg in args) else foreign_option(name)


def _names(_name: str, _args: tuple[str, ...], _place: Place) -> Effects:
    return Effects(reads=NAMES)


def _reader(plain: str) -> Handler:
    """A command that reads its operands."""

    def handle(name: str, args: tuple[str, ...], place: Place) -> Effects:
        parsed = split_options(args, plain)
        if parsed is None or parsed[0] & _FOLLOWING.get(name, frozenset()):
            return foreign_option(name)
        if name == "uniq" and len(parsed[1]) > 1:
            return unknown("`uniq` writes a file")
        listed = frozenset({place.cwd}) if name == "ls" and not parsed[1] else frozenset()
        names = NAMES if name in ("ls", "stat") else frozenset()
        return Effects(reads=trees(parsed[1], place) | listed | names)

    return handle


_FOLLOWING = {
    **dict.fromkeys(("sha256sum", "md5sum"), frozenset("c")),
    "ls": frozenset("tcu"),
    "cp": frozenset("u"),
    "mv": frozenset("u"),
    "rmdir": frozenset(("p", "--parents")),
}
"""Options with which they read or remove more than they name, or look at times, which an order changes."""


def _writer(plain: str) -> Handler:
    """A command that makes, changes or removes its operands."""

    def handle(name: str, args: tuple[str, ...], place: Place) -> Effects:
        parsed = split_options(args, plain)
        if parsed is None or parsed[0] & _FOLLOWING.get(name, frozenset()):
            return foreign_option(name)
        paths = trees(parsed[1], place)
        return Effects(reads=paths, writes=paths)

    return handle


def _copier(name: str, args: tuple[str, ...], place: Place) -> Effects:
    parsed = split_options(args, "aprRfvnPLdTuH")
    if parsed is None or len(parsed[1]) < 2 or any(GLOB.search(path) for path in parsed[1][-1:]):
        return foreign_option(name)
    options, operands = parsed
    if options & _FOLLOWING[name]:
        return foreign_option(name)
    *sources, target = operands
    read = trees(sources, place)
    written = frozenset({place.absolute(target)}) | (read if name == "mv" else frozenset())
    recursive = bool(options & {"a", "r", "R", "d", "P", "--recursive", "--archive"}) or name == "mv"
    return Effects(reads=read | written, writes=written, makes_links=recursive)


def _linker(name: str, args: tuple[str, ...], place: Place) -> Effects:
    parsed = split_options(args, "sfnvT")
    if parsed is None or len(parsed[1]) != 2 or any(GLOB.search(path) for path in parsed[1]):
        return foreign_option(name)
    target, link = (place.absolute(path) for path in parsed[1])
    # what is read and written through a link is not where it seems: nobody may rely on paths any more
    return Effects(reads=frozenset({target, link}), writes=frozenset({link}), makes_links=True)


def _mode_changer(name: str, args: tuple[str, ...], place: Place) -> Effects:
    parsed = split_options(args, "RfvchP" if name != "chmod" else "Rfvc")
    if parsed is None or len(parsed[1]) < 2:
        return foreign_option(name)
    paths = trees(parsed[1][1:], place)
    names = frozenset({"/etc/passwd", "/etc/group"}) if name != "chmod" else frozenset()
    return Effects(reads=paths | names, writes=paths, spares=paths)


_MODE = re.compile(r"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*")


def _maker(name: str, args: tuple[str, ...], place: Place) -> Effects:
    """mkdir: `-m MODE` is the one option with an argument."""
    rest = list(args)
    for at, arg in enumerate(rest[:-1]):
        if arg in ("-m", "-pm") and _MODE.fullmatch(rest[at + 1]):
            rest[at : at + 2] = ["-p"]
            break
    made = _writer("pv")(name, tuple(rest), place)
    return replace(made, spares=made.writes)


def _sed(name: str, args: tuple[str, ...], place: Place) -> Effects:
    """`sed [-i] [-n] [-E] SCRIPT FILE…`; a script may itself name files (`w`, `r`), so only plain ones
    pass."""
    options = [arg for arg in args if arg.startswith("-")]
    operands = [arg for arg in args if not arg.startswith("-")]
    if not set(options) <= {"-i", "-n", "-E", "-r", "-e", "-ri", "-Ei"} or options.count("-e") > 1:
        return foreign_option(name)
    if not operands or not _SAFE_SED.fullmatch(operands[0]):
        return unknown("its `sed` script may do more than change lines")
    files = trees(operands[1:], place)
    inplace = any("i" in option for option in options)
    return Effects(reads=files, writes=files if inplace else frozenset())


_SAFE_SED = re.compile(
    r"s([|/,#@])(?:(?!\1)[^\\\n]|\\.)*\1(?:(?!\1)[^\\\n]|\\.)*\1[gI0-9]*|[0-9$,]*[dp]|/[^/\n]*/[dp]"
)


def _tee(name: str, args: tuple[str, ...], place: Place) -> Effects:
    return _writer("ai")(name, args, place)


def _grep(name: str, args: tuple[str, ...], place: Place) -> Effects:
    parsed = split_options(args, "EFGqivnowxclLrRshH")
    if parsed is None or not parsed[1]:
        return foreign_option(name)
    options, operands = parsed
    files = operands[1:] or (["."] if options & {"r", "R"} else [])
    return Effects(reads=trees(files, place))


_FILE_TESTS = frozenset(
    {*(f"-{letter}" for letter in "abcdefghkprstuwxGLNOS"), "-nt", "-ot", "-ef"},
)


def _test(_name: str, args: tuple[str, ...], place: Place) -> Effects:
    """`[ … ]` and `test`: every operand of a test of files may be one."""
    if any(re.match(r"[$`]", arg) for arg in args):
        return unknown("a test that only the shell can read")
    if not _FILE_TESTS & set(args):
        return NONE
    if {"-nt", "-ot"} & set(args):
        return unknown("it compares times")
    words = [arg for arg in args if not arg.startswith("-") and arg not in ("]", "]]", "=", "==", "!=", "!")]
    if not all(_FILE_WORD.fullmatch(word) for word in words):
        return unknown("a test of a file whose name only the shell knows")
    return Effects(reads=trees([word.strip("\"'") for word in words], place) | NAMES)


_FILE_WORD = re.compile(r"[\w./+@%:,=?*\[\]-]*|'[\w./+@%:,=-]*'|\"[\w./+@%:,=-]*\"")


def _find(_name: str, args: tuple[str, ...], place: Place) -> Effects:
    paths: list[str] = []
    for arg in args:
        if arg.startswith(("-", "(", "!")):
            break
        paths.append(arg)
    rest = args[len(paths) :]
    if _ACTING & set(rest) or (args and re.match(r"-(?:[HLPD]$|O)", args[0])):
        return unknown("`find` starts programs or writes files")
    found = trees(paths or ["."], place)
    return Effects(reads=found | NAMES, writes=found if "-delete" in rest else frozenset())


_ACTING = frozenset(
    {
        *("-exec", "-execdir", "-ok", "-okdir", "-fprint", "-fprint0", "-fprintf", "-fls", "-files0-from"),
        *("-newer", "-anewer", "-cnewer", "-mmin", "-mtime", "-samefile"),
    }
)


HANDLERS: MappingProxyType[str, Handler] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("echo", "true", "false", ":", "unset", "exit", "sleep"),
                *("uname", "pwd", "shift", "return", "nproc"),
                *("basename", "dirname", "seq", "expr", "arch", "sync", "wait", "break", "tr"),
            ),
            _nothing,
        ),
        **dict.fromkeys(
            ("cat", "ls", "stat", "wc", "sha256sum", "md5sum", "sort", "uniq"),
            _reader("alhRrnuctsidAbvEetTw1S"),
        ),
        **dict.fromkeys(("touch", "rm", "rmdir", "unlink"), _writer("rRfvpcam")),
        "set": _set,
        "printf": _printf,
        "date": _date,
        **dict.fromkeys(("id", "whoami"), _names),
        "mkdir": _maker,
        **dict.fromkeys(("cp", "mv"), _copier),
        "ln": _linker,
        **dict.fromkeys(("chmod", "chown", "chgrp"), _mode_changer),
        "sed": _sed,
        "tee": _tee,
        **dict.fromkeys(("grep", "egrep", "fgrep"), _grep),
        **dict.fromkeys(("[", "[[", "test"), _test),
        "find": _find,
        **dict.fromkeys(("useradd", "adduser", "groupadd", "addgroup", "usermod", "groupmod"), accounts),
    }
)
"""By name. `umask`, `eval`, `.`, `source`, `alias`, `trap` and whatever else changes what follows are left
out."""
