"""The OCI runtime of the tracing engine: `run` goes through strace, all else straight to the real one.

Run as a program (`python -I -S traced_runtime.py STRACE RUNTIME TRACES WORDS…`), so it imports the standard
library alone. A RUN belongs to a build by the W3C trace id that BuildKit puts into its environment
(`TRACEPARENT=00-<trace>-<span>-01`); it is traced only if TRACES has a directory of that trace id, which
the build makes and takes away again. Its results, in TRACES/<trace>/<container>:

    about.json     what is run, and every path of the root file system before it; no value of a variable
    trace          strace's output
    messages       what strace itself said, which must not get into the RUN's log
    changed.json   the paths in the layer, written when the container is deleted
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SYSCALLS = (
    "%file,fchdir,getdents64,?getdents,fchmod,fchown,?fchown32,fsetxattr,fremovexattr,bind,connect,"
    "?socketcall,clone,?clone3,?fork,?vfork,?setuid,?setuid32,?setreuid,?setreuid32,?setresuid,"
    "?setresuid32,unshare,setns,ptrace,?io_uring_setup,open_by_handle_at,?name_to_handle_at,?fsmount"
)
"""Everything that takes a path or changes what a path means; open files need not be followed."""
_PARENT = re.compile(r"TRACEPARENT=00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def main(strace: str, runtime: str, traces: str, *words: str) -> NoReturn:
    """Become the runtime, under strace where that is asked for."""
    argv = [runtime, *words]
    try:
        if "run" in words and "--bundle" in words:
            argv = _traced(strace, traces, words[words.index("--bundle") + 1], words[-1], argv)
        elif "delete" in words:
            _look_at_layer(traces, words[-1])
    except (OSError, ValueError, LookupError) as error:  # no evidence then, but the RUN runs
        sys.stderr.write(f"fastbuild: not traced: {error!r}\n" if "delete" in words else "")
    os.execv(argv[0], argv)


def _traced(strace: str, traces: str, bundle: str, container: str, argv: list[str]) -> list[str]:
    """`argv` under strace, with its results' directory made; as it was if nobody wants a trace of it."""
    config = json.loads(Path(bundle, "config.json").read_text(encoding="utf-8"))
    parents = [m for m in map(_PARENT.fullmatch, config["process"].get("env") or ()) if m]
    if len({m[0] for m in parents}) != 1 or not Path(traces, parents[0][1]).is_dir():
        return argv
    folder = f"{traces}/{parents[0][1]}/{container}"
    before = os.umask(0o077)
    Path(folder).mkdir()
    # a setuid program has no effect in a filtered process (no_new_privs), which root does not mind
    filtered = config["process"]["user"]["uid"] == 0
    about = _about(config, parents[0][2], filtered)
    _write(f"{folder}/about.json", about)
    argv = _strace(strace, folder, argv, filtered)
    os.umask(before)
    return argv


def _strace(strace: str, folder: str, argv: list[str], filtered: bool) -> list[str]:
    """The command line; the RUN keeps its own standard error, strace's goes to a file."""
    own = os.dup(2)
    if own > 9:
        raise OSError("no file descriptor that a shell can name")
    os.set_inheritable(own, True)
    messages = os.open(f"{folder}/messages", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.dup2(messages, 2)
    os.close(messages)
    Path(folder, "trace").touch(mode=0o600)
    how = ["-f", *(["--seccomp-bpf"] if filtered else []), "-y", "--decode-pids=pidns", "-s", "0"]
    quiet = ["-e", "quiet=attach,personality", "-e", "signal=!SIGCHLD", "-e", f"trace={SYSCALLS}"]
    inner = ["/bin/sh", "-c", f'exec 2>&{own} {own}>&-; exec "$@"', "sh"]
    return [strace, *how, *quiet, "-o", f"{folder}/trace", "--", *inner, *argv]


def _about(config: dict[str, Any], span: str, filtered: bool) -> dict[str, Any]:
    process, root = config["process"], config["root"]["path"]
    user = process["user"]
    upper, lowers = _layers(root)
    return {
        "span": span,
        "args": process["args"],
        "cwd": process["cwd"],
        "user": f"{user['uid']}:{user['gid']}",
        "env": [text.partition("=")[0] for text in process.get("env") or ()],
        "mounts": [mount["destination"] for mount in config.get("mounts") or ()],
        "filtered": filtered,
        "upper": upper,
        "lowers": lowers,
        **_tree(root),
    }


def _layers(root: str) -> tuple[str, list[str]]:
    """The upper and lower directories of the overlay mounted on `root`; "" and none for other kinds.

    Format: proc_pid_mountinfo(5). containerd shortens long lists of layers to names in their folder.
    """
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    for row in reversed([line.split() for line in table.splitlines()]):
        if row[4] != root or "overlay" not in row[row.index("-") :]:
            continue
        options = dict(o.split("=", 1) for o in row[-1].split(",") if "=" in o)
        upper = options.get("upperdir", "")
        beside = Path(upper).parent.parent
        return upper, [str(beside / lower) for lower in options.get("lowerdir", "").split(":") if lower]
    return "", []


def _tree(root: str) -> dict[str, Any]:
    """All below `root`: `folders` with their entries' names, `links` with targets, `privileged` programs."""
    folders: dict[str, list[str]] = {}
    links: dict[str, str] = {}
    privileged: list[str] = []
    pending = [""]
    while pending:
        parent = pending.pop()
        names = folders[parent or "/"] = []
        with os.scandir(f"{root}{parent}") as entries:
            for entry in entries:
                path = f"{parent}/{entry.name}"
                names.append(entry.name)
                if entry.is_symlink():
                    links[path] = str(Path(entry.path).readlink())
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif _is_privileged(entry):
                    privileged.append(path)
    return {"folders": folders, "links": links, "privileged": privileged}


def _is_privileged(entry: os.DirEntry[str]) -> bool:
    """Whether running it gives rights: setuid, setgid, or file capabilities."""
    mode = entry.stat(follow_symlinks=False).st_mode
    if not stat.S_ISREG(mode) or not mode & 0o111:
        return False
    if mode & (stat.S_ISUID | stat.S_ISGID):
        return True
    try:
        return bool(os.getxattr(entry.path, "security.capability", follow_symlinks=False))
    except OSError:
        return False


def _look_at_layer(traces: str, container: str) -> None:
    """Note which paths are in a traced container's layer, directories with a `/` at their end."""
    for about in Path(traces).glob(f"*/{container}/about.json"):
        upper = json.loads(about.read_text(encoding="utf-8", errors="surrogateescape"))["upper"]
        found: list[str] = []
        for parent, folders, files in os.walk(upper, onerror=_raise) if upper else ():
            below = parent[len(upper) :]
            real = [name for name in folders if not Path(parent, name).is_symlink()]
            found += [f"{below}/{name}/" for name in real]
            found += [f"{below}/{name}" for name in {*folders, *files} - {*real}]
        os.umask(0o077)
        _write(str(about.with_name("changed.json")), found)


def _write(path: str, data: object) -> None:
    beside = Path(f"{path}.new")
    beside.write_text(json.dumps(data), encoding="ascii")
    beside.rename(path)


def _raise(error: OSError) -> None:
    raise error


if __name__ == "__main__":
    main(*sys.argv[1:])
