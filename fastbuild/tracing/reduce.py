"""From a trace of system calls to facts about files: follows every process of the container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.tracing.deeds import Recorder
from fastbuild.tracing.lineage import births
from fastbuild.tracing.strace import FORKS, Call, Ended, Forking, Replaced, TraceError, parse, quoted
from fastbuild.tracing.syscalls import CHANGES_OPEN_FILE, HARMLESS, IDENTITY, SIGNATURES, UNSEEN, Deed
from fastbuild.tracing.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.tracing.deeds import Facts
    from fastbuild.tracing.strace import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was there when the RUN began: directories with their entries, links, mounts, setuid programs.

    `filtered`: traced with a seccomp filter, in which setuid programs get no rights.
    """

    folders: Mapping[str, Sequence[str]]
    links: Mapping[str, str]
    mounts: tuple[str, ...] = ()
    privileged: frozenset[str] = frozenset()
    cwd: str = "/"
    filtered: bool = False


def reduce(lines: Sequence[str], before: Before) -> Facts:
    """The facts of a whole trace. Raises TraceError, with the reason, when it is not the whole truth."""
    reducer = _Reducer(before, births(lines))
    for event in parse(lines):
        reducer.add(event)
    return reducer.finish()


@dataclass(slots=True)
class _Thread:
    """`where` is a list of one path, shared by threads that share it in the kernel (CLONE_FS).

    `inside` the container; `entered`: it is the runtime's, and sees the container's files by now.
    """

    where: list[str]
    inside: bool = False
    entered: bool = False
    is_root: bool = True


class _Reducer:
    def __init__(self, before: Before, born: Mapping[int, int]) -> None:
        self._before = before
        self._born = born
        self._threads: dict[int, _Thread] = {}
        self._spawned: dict[int, _Thread] = {}
        self._forked: set[int] = set()
        self._main: int | None = None
        self._code: int | None = None
        self._recorder = Recorder(Tree(before.folders, before.links, before.mounts))

    def add(self, event: Event) -> None:
        if isinstance(event, Replaced):
            self._threads[event.leader] = self._thread(event.pid, event.call.line)
            del self._threads[event.pid]
            self._call(self._threads[event.leader], event.call)
            return
        thread = self._thread(event.pid, event.line)
        if isinstance(event, Forking):
            self._fork(thread, event.line, event.flags)
        elif isinstance(event, Ended):
            del self._threads[event.pid]
            if event.pid == self._main:
                self._code = event.code
        else:
            self._call(thread, event)

    def finish(self) -> Facts:
        if self._main is None:
            raise TraceError("the start of the container is not in the trace")
        if self._threads:
            raise TraceError("the trace ends before the last process does")
        if self._code != 0:
            raise TraceError("the RUN failed")
        return self._recorder.facts

    def _thread(self, pid: int, line: int) -> _Thread:
        if (known := self._threads.get(pid)) is not None:
            return known
        maker = self._born.get(line)
        if maker is not None and maker in self._spawned:
            thread = self._spawned.pop(maker)
        elif line == 0:
            thread = _Thread(["/"])
        else:
            raise TraceError("a process appears whose parent is not known")
        self._threads[pid] = thread
        return thread

    def _fork(self, thread: _Thread, line: int, flags: str) -> None:
        if thread.inside and "CLONE_NEWNS" in flags:
            raise TraceError("it uses mounts of its own")
        where = thread.where if "CLONE_FS" in flags else list(thread.where)
        self._spawned[line] = _Thread(where, thread.inside, False, thread.is_root)
        self._forked.add(line)

    def _call(self, thread: _Thread, call: Call) -> None:
        if call.name in FORKS:
            if call.line not in self._forked:
                self._fork(thread, call.line, " ".join(call.args))
        elif thread.inside:
            self._inside(thread, call)
        elif call.result == 0 and call.name in ("pivot_root", "chroot"):
            thread.entered = True
        elif thread.entered and call.result == 0 and call.name in ("execve", "execveat"):
            thread.inside, thread.where = True, [self._recorder.tree.place(self._before.cwd).path]
            self._main = call.pid
            self._inside(thread, call)

    def _inside(self, thread: _Thread, call: Call) -> None:
        if call.error.startswith("ERESTART"):
            return  # it is made again
        if call.name in SIGNATURES or call.name in CHANGES_OPEN_FILE:
            thread.where[0] = self._recorder.record(call, thread.where[0])
            if call.result == 0 and SIGNATURES.get(call.name, _OTHER).deed is Deed.EXECUTE:
                self._executed(thread)
        elif call.name in ("connect", "bind"):
            self._recorder.socket(call, thread.where[0])
        elif call.name in IDENTITY:
            user = call.args[IDENTITY[call.name]]
            if call.result == 0 and user != "-1":
                thread.is_root = user == "0"
        else:
            _other(thread, call)

    def _executed(self, thread: _Thread) -> None:
        """Where rights can't be gained, a program that should give some does something else than it would."""
        facts, program = self._recorder.facts, self._recorder.executed
        mine = facts.makes_privileged and program in facts.made
        if self._before.filtered and not thread.is_root and (program in self._before.privileged or mine):
            raise TraceError("a user other than root runs a setuid program, which has no rights when traced")


_OTHER = SIGNATURES["stat"]


def _other(thread: _Thread, call: Call) -> None:
    """A call that takes no path, or of which the effect is not known."""
    flags = " ".join(call.args)
    if call.name == "ptrace":
        raise TraceError("it uses ptrace, which a traced process can't")
    if call.name in HARMLESS or (call.result is not None and call.result < 0):
        return
    if call.name == "unshare" and "CLONE_NEWNS" not in flags:
        if "CLONE_FS" in flags:
            thread.where = list(thread.where)
        return
    if call.name == "chroot" and quoted(call.args[0]) == "/":
        return
    raise TraceError(f"it uses {UNSEEN.get(call.name, call.name)}, whose effect is not followed")
