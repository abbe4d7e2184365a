"""Causes planted between two builds of one application, each with the step it should be blamed on."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.explain.reasons import Cause

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCKERFILE = """\
FROM busybox AS deps
ARG VERSION=1
ARG API_TOKEN=none
WORKDIR /app
COPY req.txt ./
RUN cat req.txt > /deps
ENV MODE=prod LEVEL=info
COPY src ./src
COPY --chmod=644 conf/*.conf /etc/app/
RUN --mount=type=bind,source=tools,target=/tools cat /tools/make.sh src/*.py > /out
COPY <<EOF /motd
hello
EOF
RUN --mount=type=cache,target=/var/tmp/cache echo done > /made
FROM busybox
COPY --from=deps /out /out
RUN cat /out > /final
"""
FILES = {
    "req.txt": "x==1\n",
    "src/a.py": "a = 1\n",
    "src/b.py": "b = 1\n",
    "src/pkg/c.py": "c = 1\n",
    "conf/main.conf": "main\n",
    "conf/other.conf": "other\n",
    "tools/make.sh": "echo make\n",
    "README": "readme\n",
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One cause. `blamed` is a part of the instruction that runs first because of it, `says` a part of the
    reason's sentence; `flags` are the second build's."""

    name: str
    cause: Cause
    blamed: str
    says: str
    change: Callable[[Path], None] = lambda _: None
    flags: tuple[str, ...] = ()


def lay_out(folder: Path) -> None:
    """The application as it was at first."""
    for name, text in {**FILES, "Dockerfile": DOCKERFILE}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
    for each in folder.rglob("*"):
        if each.is_dir():
            each.chmod(0o755)


def _text(old: str, new: str) -> Callable[[Path], None]:
    """An edit of the Dockerfile."""

    def edit(folder: Path) -> None:
        file = folder / "Dockerfile"
        before = file.read_text()
        assert before.count(old) == 1, old
        file.write_text(before.replace(old, new))

    return edit


def _write(name: str, text: str, mode: int = 0o644) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(mode)

    return write


def _chmod(mode: int, *names: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).chmod(mode)

    return change


def _link(folder: Path) -> None:
    (folder / "src/b.py").unlink()
    (folder / "src/b.py").symlink_to("a.py")


def _move(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: shutil.move(folder / old, folder / new)


def _rename_stage(folder: Path) -> None:
    text = DOCKERFILE.replace("AS deps", "AS things").replace("--from=deps", "--from=things")
    (folder / "Dockerfile").write_text(text)


def _two(folder: Path) -> None:
    (folder / "req.txt").write_text("x==2\n")
    (folder / "src/a.py").write_text("a = 2\n")


SRC, DEPS, TOOL = "COPY src ./src", "COPY req.txt ./", "RUN --mount=type=bind"
FIRST_RUN, CONF = "RUN cat req.txt > /deps", "COPY --chmod=644 conf/*.conf /etc/app/"

PLANTED = (
    Planted("one file", Cause.FILE_CHANGED, SRC, "`src/a.py` changed", _write("src/a.py", "a = 2\n")),
    Planted(
        "a file deep below",
        Cause.FILE_CHANGED,
        SRC,
        "`src/pkg/c.py` changed",
        _write("src/pkg/c.py", "c = 2\n"),
    ),
    Planted("an equal size", Cause.FILE_CHANGED, SRC, "`src/b.py` changed", _write("src/b.py", "b = 7\n")),
    Planted("the manifest", Cause.FILE_CHANGED, DEPS, "`req.txt` changed", _write("req.txt", "x==2\n")),
    Planted(
        "a mounted file",
        Cause.FILE_CHANGED,
        TOOL,
        "`tools/make.sh` changed",
        _write("tools/make.sh", "echo other\n"),
    ),
    Planted(
        "a file of a pattern",
        Cause.FILE_CHANGED,
        CONF,
        "`conf/main.conf` changed",
        _write("conf/main.conf", "other\n"),
    ),
    Planted("two files", Cause.FILE_CHANGED, DEPS, "`req.txt` changed", _two),
    Planted("an added file", Cause.FILE_ADDED, SRC, "`src/new.py`", _write("src/new.py", "n = 1\n")),
    Planted(
        "an added file of a pattern",
        Cause.FILE_ADDED,
        CONF,
        "`conf/new.conf`",
        _write("conf/new.conf", "n\n"),
    ),
    Planted("an added mounted file", Cause.FILE_ADDED, TOOL, "`tools/new`", _write("tools/new", "n\n")),
    Planted(
        "an empty directory",
        Cause.FILE_ADDED,
        SRC,
        "`src/empty",
        lambda folder: (folder / "src/empty").mkdir(mode=0o755),
    ),
    Planted(
        "a removed file", Cause.FILE_REMOVED, SRC, "`src/b.py`", lambda folder: (folder / "src/b.py").unlink()
    ),
    Planted(
        "a removed file of a pattern",
        Cause.FILE_REMOVED,
        CONF,
        "`conf/other.conf`",
        lambda folder: (folder / "conf/other.conf").unlink(),
    ),
    Planted("a renamed file", Cause.FILE_RENAMED, SRC, "`src/z.py`", _move("src/b.py", "src/z.py")),
    Planted("a file that became a link", Cause.FILE_CHANGED, SRC, "`src/b.py`", _link),
    Planted("a mode", Cause.MODES, SRC, "0644→0755", _chmod(0o755, "src/a.py")),
    Planted(
        "modes of a umask",
        Cause.MODES,
        SRC,
        "0644→0664",
        _chmod(0o664, "src/a.py", "src/b.py", "src/pkg/c.py"),
    ),
    Planted("a directory's mode", Cause.MODES, SRC, "0755→0775", _chmod(0o775, "src/pkg")),
    Planted("a mounted file's mode", Cause.MODES, TOOL, "0644→0755", _chmod(0o755, "tools/make.sh")),
    Planted("setuid", Cause.MODES, SRC, "0644→4644", _chmod(0o4644, "src/a.py")),
    Planted(
        "a command", Cause.INSTRUCTION, "RUN cat req.txt >", "", _text(FIRST_RUN, "RUN cat req.txt >> /deps")
    ),
    Planted(
        "blanks in a command", Cause.INSTRUCTION, "RUN cat", "", _text(FIRST_RUN, "RUN cat  req.txt > /deps")
    ),
    Planted("a heredoc", Cause.INSTRUCTION, "COPY <<EOF /motd", "", _text("hello\n", "goodbye\n")),
    Planted("a destination", Cause.INSTRUCTION, "COPY req.txt", "", _text(DEPS, "COPY req.txt /app/req.txt")),
    Planted(
        "the last command",
        Cause.INSTRUCTION,
        "RUN cat /out",
        "",
        _text("RUN cat /out > /final", "RUN cat /out > /last"),
    ),
    Planted(
        "a new instruction",
        Cause.NEW_INSTRUCTION,
        "RUN echo new",
        "",
        _text(FIRST_RUN, f"RUN echo new > /new\n{FIRST_RUN}"),
    ),
    Planted(
        "a removed instruction",
        Cause.REMOVED_INSTRUCTION,
        SRC,
        "RUN cat req.txt",
        _text(f"{FIRST_RUN}\n", ""),
    ),
    Planted("an exchange", Cause.ORDER, CONF, "", _text(f"{SRC}\n{CONF}\n", f"{CONF}\n{SRC}\n")),
    Planted(
        "an argument",
        Cause.VARIABLE,
        FIRST_RUN,
        "`VERSION` changed: 1 → 2",
        flags=("--build-arg", "VERSION=2"),
    ),
    Planted(
        "an argument's default",
        Cause.VARIABLE,
        FIRST_RUN,
        "`VERSION`",
        _text("ARG VERSION=1", "ARG VERSION=3"),
    ),
    Planted(
        "a secret argument",
        Cause.VARIABLE,
        FIRST_RUN,
        "`API_TOKEN`",
        flags=("--build-arg", "API_TOKEN=hunter2hunter2"),
    ),
    Planted(
        "a new argument",
        Cause.VARIABLE,
        FIRST_RUN,
        "`EXTRA`",
        _text("ARG VERSION=1", "ARG VERSION=1\nARG EXTRA=1"),
    ),
    Planted(
        "a variable", Cause.VARIABLE, TOOL, "`MODE` changed: prod → test", _text("MODE=prod", "MODE=test")
    ),
    Planted("a new variable", Cause.VARIABLE, TOOL, "`MORE`", _text("LEVEL=info", "LEVEL=info MORE=1")),
    Planted(
        "the order of variables",
        Cause.VARIABLE_ORDER,
        TOOL,
        "",
        _text("MODE=prod LEVEL=info", "LEVEL=info MODE=prod"),
    ),
    Planted(
        "a shell", Cause.SHELL, FIRST_RUN, "", _text("WORKDIR /app", 'SHELL ["/bin/sh", "-ec"]\nWORKDIR /app')
    ),
    Planted("a user", Cause.USER, TOOL, "", _text("ENV MODE", "USER 0\nENV MODE")),
    Planted(
        "a cache mount's target",
        Cause.MOUNT,
        "RUN --mount=type=cache",
        "",
        _text("/var/tmp/cache", "/var/tmp/other"),
    ),
    Planted(
        "a secret mount",
        Cause.MOUNT,
        FIRST_RUN.replace("RUN ", "RUN --mount=type=secret,id=s "),
        "",
        _text(FIRST_RUN, FIRST_RUN.replace("RUN ", "RUN --mount=type=secret,id=s ")),
    ),
    Planted(
        "a network",
        Cause.OPTION,
        "RUN --network=none",
        "",
        _text(FIRST_RUN, FIRST_RUN.replace("RUN ", "RUN --network=none ")),
    ),
    Planted("--chmod", Cause.INSTRUCTION, "COPY --chmod=600", "", _text("--chmod=644", "--chmod=600")),
    Planted(
        "another base",
        Cause.BASE_CHANGED,
        "COPY --from=deps",
        "debian",
        _text("FROM busybox\n", "FROM debian:bookworm-slim\n"),
    ),
    Planted("--no-cache", Cause.NO_CACHE, DEPS, "--no-cache", flags=("--no-cache",)),
    Planted(
        "--no-cache-filter",
        Cause.NO_CACHE_FILTER,
        DEPS,
        "--no-cache-filter",
        flags=("--no-cache-filter", "deps"),
    ),
)

NEUTRAL = {
    "a file that nothing copies": _write("README", "other\n"),
    "a comment": _text("WORKDIR /app", "# here\nWORKDIR /app"),
    "a label": _text("RUN cat /out", "LABEL a=b\nRUN cat /out"),
    "a command to start": _text("RUN cat /out > /final", 'RUN cat /out > /final\nCMD ["sh"]'),
    "a stage's name": _rename_stage,
    "an unused stage": _text(
        "FROM busybox AS deps", "FROM busybox AS other\nRUN echo no\nFROM busybox AS deps"
    ),
    "an equal path": _text("COPY src ./src", "COPY ./src/ ./src"),
    "touched files": lambda folder: (folder / "src/a.py").touch(),
}
"""Changes after which no step runs."""
