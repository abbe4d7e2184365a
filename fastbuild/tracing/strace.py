"""strace's output, one file for all processes (`-f -y --decode-pids=pidns -o FILE`) → events in its order.

Format: strace(1) of version 6, seen with Debian's 6.1. A call that another process' line interrupts is
split into `… <unfinished ...>` and `<... NAME resumed>…`. With `-y` a file descriptor is followed by its
path in angle brackets, in which `<` and `>` are octal; of a process in a container, the path is that inside.
With `--decode-pids=pidns` a process id of another namespace is followed by ours in a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TraceError(Exception):
    """A trace that can't be used, and why; never shown as an error of the build."""


@dataclass(slots=True)
class Call:
    """A system call that returned. `line` is where it began (from 0), `pid` a thread, `args` their text.

    `result` is None when it never returned. `error` is the name of the errno, `path` what the returned
    file descriptor stands for. `child` is the thread made, by the id of these events.
    """

    line: int
    pid: int
    name: str
    args: list[str]
    result: int | None
    error: str = ""
    path: str = ""
    child: int = 0


@dataclass(slots=True)
class Forking:
    """A call that makes a process has begun, and returns later."""

    line: int
    pid: int
    flags: str


@dataclass(slots=True)
class Replaced:
    """Thread `pid` executes a program, and goes on as `leader`: the process' other threads are gone."""

    line: int
    pid: int
    leader: int
    call: Call


@dataclass(slots=True)
class Ended:
    """A thread's end: its exit code, or minus 1 when a signal killed it."""

    line: int
    pid: int
    code: int


Event = Call | Forking | Replaced | Ended

FORKS = frozenset({"clone", "clone3", "fork", "vfork"})
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_START = re.compile(r"(\w+|\?{3,4})\(")
"""strace writes question marks where a thread died before its call could be looked at."""
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_CHANGED = re.compile(r" <pid changed to (\d+) \.\.\.>$")
_ENDED = re.compile(r"\+\+\+ (?:exited with (\d+)|killed by (\S+)(?: \(core dumped\))?) \+\+\+$")
_SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid \d+ \+\+\+$")
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?|(?:AT_FDCWD|-?\d+)<(?:[^>\\]|\\.)*>(?:\(deleted\))?|/\*.*?\*/'
    r'|[\[\](){},]|[^"\[\](){},/<]+|[/<]'
)
_RESULT = re.compile(
    r"\s*= (?P<value>-?\d+|0x[0-9a-f]+|\?)(?:<(?P<path>(?:[^>\\]|\\.)*)>)?(?:\(deleted\))?"
    r"(?: \(errno \d+\))?(?: (?P<error>E[A-Z0-9_]+))?(?: /\* (?P<pid>\d+) in strace's PID NS \*/)?"
)
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "v": "\v", "f": "\f", "r": "\r"}
_FD = re.compile(r"(?:AT_FDCWD|-?\d+)<((?:[^>\\]|\\.)*)>")
_UNFINISHED = " <unfinished ...>"


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a trace. Raises TraceError at a line that it does not understand."""
    waiting: dict[int, tuple[int, str]] = {}
    for number, text in enumerate(lines):
        match = _LINE.fullmatch(text.rstrip("\n"))
        if match is None:
            raise TraceError(f"line {number + 1} of the trace is not understood")
        pid, rest = int(match[1]), match[2]
        if rest.startswith("+++"):
            yield from _end(number, pid, rest, waiting)
        elif changed := _CHANGED.search(rest):
            yield _replaced(number, pid, int(changed[1]), rest[: changed.start()], waiting)
        elif rest.startswith("--- "):
            continue  # a signal
        else:
            yield from _call(number, pid, rest, waiting)
    if waiting:
        raise TraceError("the trace ends in the middle of a call")


def _end(number: int, pid: int, rest: str, waiting: dict[int, tuple[int, str]]) -> Iterator[Event]:
    if _SUPERSEDED.match(rest):
        return
    ended = _ENDED.match(rest)
    if ended is None:
        raise TraceError(f"line {number + 1} of the trace is not understood")
    if pid in waiting:
        line, begun = waiting.pop(pid)
        name = begun.partition("(")[0]
        yield Call(line, pid, name, _split(begun, len(name) + 1)[0], None)
    yield Ended(number, pid, int(ended[1]) if ended[1] else -1)


def _replaced(
    number: int, pid: int, leader: int, begun: str, waiting: dict[int, tuple[int, str]]
) -> Replaced:
    """An execve by a thread that is not the first; what is said of its result is not to be trusted."""
    line, whole = waiting.pop(pid, (number, ""))
    resumed = _RESUMED.match(begun)
    whole = whole + begun[resumed.end() :] if resumed else begun
    if leader in waiting:
        raise TraceError("a thread was ended in the middle of a call")
    waiting[leader] = (-1, "")
    name = whole.partition("(")[0]
    return Replaced(number, pid, leader, Call(line, leader, name, _split(whole, len(name) + 1)[0], 0))


def _call(number: int, pid: int, rest: str, waiting: dict[int, tuple[int, str]]) -> Iterator[Event]:
    line = number
    if rest.startswith("<..."):
        resumed = _RESUMED.match(rest)
        if resumed is None or pid not in waiting:
            raise TraceError(f"line {number + 1} of the trace continues a call that never began")
        line, begun = waiting.pop(pid)
        if line < 0:
            return  # the execve of `_replaced`
        rest = begun + rest[resumed.end() :]
    start = _START.match(rest)
    if start is None:
        raise TraceError(f"line {number + 1} of the trace is not understood")
    if rest.endswith(_UNFINISHED):
        waiting[pid] = (line, rest.removesuffix(_UNFINISHED))
        if start[1] in FORKS:
            yield Forking(line, pid, rest)
        return
    yield _finished(line, pid, start[1], rest, start.end())


def _finished(line: int, pid: int, name: str, text: str, at: int) -> Call:
    args, end = _split(text, at)
    result = _RESULT.match(text, end) if end else None
    if result is None:
        raise TraceError(f"line {line + 1} of the trace has no result that is understood")
    value = None if result["value"] == "?" else int(result["value"], 0)
    child = int(result["pid"] or value or 0) if name in FORKS and value and value > 0 else 0
    path = unescape(result["path"]) if result["path"] else ""
    return Call(line, pid, name, args, value, result["error"] or "", path, child)


def _split(text: str, at: int) -> tuple[list[str], int]:
    """The arguments from position `at`, and where their closing bracket ends (0 when there is none)."""
    args, current, depth = list[str](), "", 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise TraceError("a line of the trace has unbalanced quotes")
        word, at = token[0], token.end()
        if word == ")" and depth == 0:
            return [*args, current.strip()], at
        if word == "," and depth == 0:
            args.append(current.strip())
            current = ""
            continue
        depth += (word in "([{") - (word in ")]}") if len(word) == 1 else 0
        current += word
    return [*args, current.strip()], 0


def unescape(text: str) -> str:
    r"""`a\303\251\n` → `aé` and a newline; bytes that are no UTF-8 become surrogates, as in file names."""
    if "\\" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8)) if code[0] in "01234567" else _LETTERS.get(code, code)

    return _ESCAPE.sub(plain, text).encode("latin-1").decode("utf-8", "surrogateescape")


def quoted(arg: str) -> str | None:
    """The text of a quoted argument; None for NULL, an address, or one that was cut off."""
    return unescape(arg[1:-1]) if len(arg) > 1 and arg[0] == arg[-1] == '"' else None


def decorated(arg: str) -> str:
    """The path after a file descriptor, such as `3</etc/passwd>`; "" when there is none."""
    match = _FD.match(arg)
    return unescape(match[1]) if match else ""
