"""What one system call of a container's process did to files: kept as facts, and in a model of the files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.tracing.strace import TraceError, decorated, quoted
from fastbuild.tracing.syscalls import CHANGES_OPEN_FILE, SIGNATURES, Deed
from fastbuild.tracing.tree import Place, below

if TYPE_CHECKING:
    from fastbuild.tracing.strace import Call
    from fastbuild.tracing.syscalls import Signature
    from fastbuild.tracing.tree import Tree

OUTSIDE = ("/proc", "/sys", "/dev", "/etc/resolv.conf", "/etc/hosts", "/memfd:", "/SYSV")
"""What the engine mounts into every container, and files without a name: no part of the image."""
_SUN_PATH = re.compile(r'sun_path=("(?:[^"\\]|\\.)*")')
_MAGIC = re.compile(r"/proc/(self|thread-self|\d+)/(cwd|root)(?=/|$)")
_PRIVILEGED_MODE = re.compile(r"0[2467]\d{3}")
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
_MISSING = ("ENOENT", "ENOTDIR")


@dataclass(slots=True)
class Facts:
    """What a RUN did, by real paths. `programs` were executed; `made` did not exist before it.

    `makes_privileged`: it made some file setuid or setgid.
    """

    read: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    makes_privileged: bool = False


class Recorder:
    """Turns calls into facts. `where` of each method is the process' working directory."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.facts = Facts(made=tree.made)
        self.executed = ""
        """The program executed last."""

    def record(self, call: Call, where: str) -> str:
        """Take one call; returns the working directory after it. Raises TraceError for what can't be told."""
        if call.name in CHANGES_OPEN_FILE:
            if call.result == 0:
                self._change(call, Place(decorated(call.args[0])))
            return where
        signature = SIGNATURES[call.name]
        if signature.deed is Deed.LIST:
            self._list(call)
            return where
        where = _known_folder(call, signature) or where
        place = self._place(call, signature, where)
        if place is None:
            return where
        if call.result is None:
            self._cut_off(call, signature, place)
            return where
        if call.result < 0:
            self.seen(place, call.error not in _MISSING)
            return where
        self._done(call, signature, place, where)
        return place.path if signature.deed is Deed.ENTER else where

    def _cut_off(self, call: Call, signature: Signature, place: Place) -> None:
        """A call that never returned, for the process was killed: it may have had its effect or not."""
        writes = signature.deed is Deed.OPEN and _writes(call, signature)
        if writes or signature.deed not in (Deed.LOOK, Deed.OPEN, Deed.EXECUTE, Deed.ENTER):
            raise TraceError(f"a process was ended in the middle of {call.name}")
        self.seen(place, not place.missing)

    def _done(self, call: Call, signature: Signature, place: Place, where: str) -> None:
        """A call that succeeded."""
        match signature.deed:
            case Deed.OPEN:
                self._open(call, signature, place)
            case Deed.EXECUTE:
                self.seen(place)
                self.executed = place.path
                self.facts.programs.add(place.path)
            case Deed.MAKE | Deed.MAKE_FOLDER | Deed.MAKE_LINK:
                target = quoted(call.args[0]) if signature.deed is Deed.MAKE_LINK else None
                self._make(place, folder=signature.deed is Deed.MAKE_FOLDER, target=target)
                self._note_mode(call)
            case Deed.REMOVE:
                self._remove(place)
            case Deed.CHANGE:
                self._change(call, place)
            case Deed.RENAME:
                self._rename(call, signature, place, where)
            case Deed.HARD_LINK:
                self._hard_link(call, signature, place, where)
            case Deed.LOOK | Deed.ENTER | Deed.LIST:
                self.seen(place)

    def socket(self, call: Call, where: str) -> None:
        """`connect` and `bind` of a Unix socket with a name."""
        match = _SUN_PATH.search(call.args[1]) if len(call.args) > 1 else None
        path = quoted(match[1]) if match else None
        if not path:
            return
        place = self.tree.place(self._absolute(path, where))
        if call.name == "bind" and call.result == 0:
            self._make(place)
        else:
            self.seen(place, call.error not in _MISSING)

    def seen(self, place: Place, there: bool = True) -> None:
        """Something looked at a place, and found it `there` or not, or could not tell."""
        if is_outside(place.path):
            return
        self.facts.read.update(link for link in place.links if link not in self.tree.made)
        if not place.known:
            (self.facts.read if there else self.facts.absent).add(place.path)
        elif not place.missing:
            if place.path not in self.tree.made and place.path not in self.tree.removed:
                self.facts.read.add(place.path)
        elif there:  # made a moment ago by another process, whose call returns later
            if not self.tree.is_internal(place.path):
                self.facts.read.add(place.path)
        elif not self.tree.is_internal(place.missing):
            self.facts.absent.add(place.missing)

    def _place(self, call: Call, signature: Signature, where: str, step: int = 0) -> Place | None:
        """Where the call's path leads; `step` is 2 or 1 for the second path of a rename or link."""
        folder = call.args[signature.folder + step] if signature.folder >= 0 else ""
        at = signature.path + (step or 0)
        if signature.deed is Deed.ENTER and call.name == "fchdir":
            return Place(decorated(call.args[0]))
        path = quoted(call.args[at]) if at < len(call.args) else None
        base = decorated(folder) if folder else where
        if not path:  # the descriptor itself is meant (AT_EMPTY_PATH, or NULL for utimensat)
            known = signature.deed is Deed.LOOK or not folder or call.error in _MISSING
            return Place(base) if base.startswith("/") and not known else None
        if not path.startswith("/") and not base.startswith("/"):
            if call.result is not None and call.result < 0:
                return None  # a bad descriptor
            raise TraceError("a relative path whose directory is not known")
        flags = call.args[signature.flags] if 0 <= signature.flags < len(call.args) else ""
        return self.tree.place(self._absolute(path, base), follow=_follows(signature, flags))

    def _absolute(self, path: str, base: str) -> str:
        path = path if path.startswith("/") else below(base, path)
        if not path.startswith("/proc/") or (magic := _MAGIC.match(path)) is None:
            return path
        if magic[1].isdigit():
            raise TraceError("it looks at files through another process' /proc entry")
        return (base if magic[2] == "cwd" else "") + path[magic.end() :] or "/"

    def _list(self, call: Call) -> None:
        path = decorated(call.args[0])
        if path.startswith("/") and not is_outside(path) and path not in self.tree.made:
            self.facts.listed.add(path)

    def _open(self, call: Call, signature: Signature, place: Place) -> None:
        flags = call.args[signature.flags] if signature.flags >= 0 else "O_CREAT"
        real = call.path
        if "O_TMPFILE" in flags:
            self.seen(place)
            return
        if real != place.path and (is_outside(place.path) or place.known):
            if not is_outside(place.path):
                self.seen(place)
            if not real.startswith("/"):
                return  # a pipe or socket
            place = Place(real, known=place.known or not is_outside(real))
            place = self.tree.place(real, follow=False) if place.known else place
        if not _writes(call, signature):
            self.seen(place)
        elif place.missing:
            self._make(place)
            self._note_mode(call)
        else:
            self.seen(place)
            self._write(place.path)

    def _make(self, place: Place, *, folder: bool = False, target: str | None = None) -> None:
        if is_outside(place.path):
            return
        self.seen(place, False)
        self._write(place.path)
        if place.known:
            self.tree.add(place.path, folder=folder, target=target)

    def _write(self, path: str) -> None:
        if not is_outside(path):
            self.facts.written.add(path)

    def _remove(self, place: Place) -> None:
        if is_outside(place.path):
            return
        self.facts.read.update(link for link in place.links if link not in self.tree.made)
        self._write(place.path)
        if place.known:
            self.tree.remove(place.path)

    def _change(self, call: Call, place: Place) -> None:
        if place.path.startswith("/") and not is_outside(place.path):
            self.seen(place)
            self._write(place.path)
            self._note_mode(call)

    def _rename(self, call: Call, signature: Signature, source: Place, where: str) -> None:
        target = self._place(call, signature, where, step=1 if signature.folder < 0 else 2)
        flags = call.args[signature.flags] if signature.flags >= 0 else ""
        if target is None or "EXCHANGE" in flags or "WHITEOUT" in flags:
            raise TraceError("it exchanges files")
        for path in (source.path, *self.tree.below(source.path)):
            self.seen(Place(path, source.links if path == source.path else ()))
        self.seen(target, not target.missing)
        if not (source.known and target.known):
            self._write(source.path)
            self._write(target.path)
            return
        for old, new in self.tree.move(source.path, target.path):
            self._write(old)
            self._write(new)

    def _hard_link(self, call: Call, signature: Signature, source: Place, where: str) -> None:
        unfollowed = SIGNATURES["symlinkat" if signature.folder >= 0 else "symlink"]
        step = 2 if signature.folder >= 0 else 1
        folder = call.args[2] if signature.folder >= 0 else ""
        path = quoted(call.args[signature.path + step])
        if path is None:
            raise TraceError(f"{call.name} without a path")
        base = decorated(folder) if folder else where
        self._change(call, source)  # its count of links changes, so it is in the layer
        self._make(self.tree.place(self._absolute(path, base), follow=unfollowed.follows))

    def _note_mode(self, call: Call) -> None:
        if any(_PRIVILEGED_MODE.fullmatch(arg) for arg in call.args):
            self.facts.makes_privileged = True


def is_outside(path: str) -> bool:
    """Whether a path is no part of the image's file system."""
    return path.startswith(OUTSIDE) and any(
        path == outside or path.startswith((f"{outside}/", "/memfd:", "/SYSV")) for outside in OUTSIDE
    )


def _writes(call: Call, signature: Signature) -> bool:
    """Whether a file is opened for writing, or made."""
    flags = call.args[signature.flags] if signature.flags >= 0 else "O_CREAT"
    return any(flag in flags for flag in _WRITES)


def _known_folder(call: Call, signature: Signature) -> str:
    """The working directory, where the call shows it."""
    folder = call.args[signature.folder] if 0 <= signature.folder < len(call.args) else ""
    return decorated(folder) if folder.startswith("AT_FDCWD<") else ""


def _follows(signature: Signature, flags: str) -> bool:
    if "NOFOLLOW" in flags or ("O_CREAT" in flags and "O_EXCL" in flags):
        return False
    return signature.follows or "AT_SYMLINK_FOLLOW" in flags
