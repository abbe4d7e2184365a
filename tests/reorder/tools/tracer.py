"""What a program looked at: strace's output reduced to paths. An oracle for tests."""

from __future__ import annotations

import posixpath
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CALL = re.compile(r"^(?P<name>\w+)\((?P<args>.*)\)\s+= (?P<result>-?\w+)(?P<rest>.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FD = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_CLONES = frozenset({"clone", "clone3", "fork", "vfork"})
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
_CHANGES = frozenset(
    {
        *(
            "mkdir",
            "mkdirat",
            "unlink",
            "unlinkat",
            "rmdir",
            "rename",
            "renameat",
            "renameat2",
            "link",
            "linkat",
        ),
        *(
            "symlink",
            "symlinkat",
            "chmod",
            "fchmodat",
            "chown",
            "lchown",
            "fchownat",
            "truncate",
            "utimensat",
        ),
        *("creat", "mknod", "mknodat", "setxattr", "lsetxattr"),
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Absolute paths, links not followed. `looked`: opened, run or tested, found or not."""

    looked: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    status: int = 0
    output: str = ""


def trace(command: list[str], *, cwd: Path, env: Mapping[str, str], out: Path) -> Seen:
    """Run `command` in `cwd` under strace, which leaves one file for each process below `out`."""
    out.mkdir(parents=True)
    prefix = out / "t"
    calls = "trace=%file,getdents64,clone,clone3,fork,vfork,fchdir"
    done = subprocess.run(
        [
            "strace",
            "-ff",
            "-qq",
            "-y",
            "-s",
            "4096",
            "-e",
            calls,
            "-e",
            "signal=none",
            "-o",
            str(prefix),
            *command,
        ],
        cwd=cwd,
        env={**env, "UV_USE_IO_URING": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seen = Seen(status=done.returncode, output=done.stdout)
    first = min(out.iterdir(), key=lambda p: int(p.name.rpartition(".")[2]))
    left = {p.name.rpartition(".")[2]: p for p in out.iterdir()}
    _process(first.name.rpartition(".")[2], str(cwd), left, seen)
    while left:  # a child whose parent's line was lost: its own directory is unknown, take the command's
        _process(min(left, key=int), str(cwd), left, seen)
    return seen


def _process(pid: str, cwd: str, left: dict[str, Path], seen: Seen) -> None:
    pending = [(pid, cwd)]
    while pending:
        each, here = pending.pop()
        file = left.pop(each, None)
        if file is not None:
            pending += _lines(file, here, seen)


def _lines(file: Path, cwd: str, seen: Seen) -> Iterator[tuple[str, str]]:
    """Notes the calls of one process; yields its children with the directory they start in."""
    for line in file.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        name, args, result = match["name"], match["args"], match["result"]
        if name in _CLONES:
            if result.isdigit():
                yield result, cwd
            continue
        paths = _paths(name, args, cwd)
        if name in ("chdir", "fchdir"):
            if result == "0" and paths:
                cwd = paths[0]
            continue
        _note(name, args, result, paths, match["rest"], seen)


def _note(name: str, args: str, result: str, paths: list[str], rest: str, seen: Seen) -> None:
    if name == "getdents64":
        seen.listed.update(paths)
        return
    if name == "symlink" or name == "symlinkat":
        paths = paths[1:]
    if name in _CHANGES or (name in ("open", "openat") and _WRITES.search(args)):
        if result != "-1":
            seen.changed.update(paths)
        else:
            seen.looked.update(paths)
        return
    seen.looked.update(paths)
    if result == "-1" and "ENOENT" in rest:
        seen.absent.update(paths)


def _paths(name: str, args: str, cwd: str) -> list[str]:
    texts = _TEXT.findall(args)
    if name in ("execve",):
        texts = texts[:1]
    if name in ("readlink", "readlinkat", "getcwd"):
        texts = texts[:1] if name != "getcwd" else []
    bases = _FD.findall(args.split('"', maxsplit=1)[0]) or [cwd]
    if name in ("getdents64", "fchdir"):
        return [posixpath.normpath(bases[0])]
    if name in ("setxattr", "lsetxattr", "getxattr", "lgetxattr"):
        texts = texts[:1]
    return [posixpath.normpath(posixpath.join(bases[0], text)) for text in texts if text]
