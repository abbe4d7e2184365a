"""Changes to the files of a context, and to the ignore files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.live.predictions.project import archive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastbuild.request import BuildRequest
    from tests.live.predictions.project import Project

    Change = Callable[[Project], BuildRequest | None]


def on(action: Callable[[Path], object]) -> Change:
    """A change to the context's directory."""

    def change(project: Project) -> BuildRequest | None:
        action(project.context)
        return project.request

    return change


def put(name: str, text: str) -> Change:
    """A file with this text, new or not."""
    return on(lambda context: (context / name).write_text(text))


def permit(name: str, mode: int) -> Change:
    return on(lambda context: (context / name).chmod(mode))


def ignoring(name: str, text: str) -> Change:
    """An ignore file where there is none yet."""

    def change(project: Project) -> BuildRequest | None:
        if (project.context / name).exists():
            return None
        (project.context / name).write_text(text)
        return project.request

    return change


def same_size_and_time(context: Path) -> None:
    """Another text, of which the directory says nothing."""
    file = context / "src/b.txt"
    before = file.stat()
    file.write_text("TWO\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def swapped(context: Path) -> None:
    one, two = context / "a.txt", context / "src/b.txt"
    first, second = one.read_text(), two.read_text()
    one.write_text(second)
    two.write_text(first)


def relinked(context: Path) -> None:
    (context / "src/link").unlink()
    (context / "src/link").symlink_to("deep/d.txt")


def file_to_link(context: Path) -> None:
    (context / "src/c.py").unlink()
    (context / "src/c.py").symlink_to("deep/d.txt")


def link_to_file(context: Path) -> None:
    (context / "src/link").unlink()
    (context / "src/link").write_text("two\n")


def file_to_directory(context: Path) -> None:
    (context / "src/c.py").unlink()
    (context / "src/c.py").mkdir()
    (context / "src/c.py/inside").write_text("x\n")


def hard_linked(context: Path) -> None:
    (context / "src/twin.txt").hardlink_to(context / "src/b.txt")


def touched(context: Path) -> None:
    for path in [*context.rglob("*"), context]:
        os.utime(path, (1, 1), follow_symlinks=False)


def owned(context: Path) -> None:
    for path in [*context.rglob("*"), context]:
        os.chown(path, 1234, 1234, follow_symlinks=False)


def copied_anew(context: Path) -> None:
    """The same files under other inodes, as a new checkout has them."""
    shutil.copytree(context, context.with_name("again"), symlinks=True)
    shutil.rmtree(context)
    context.with_name("again").rename(context)


def group_may_write(context: Path) -> None:
    """What a umask of 002 makes of a checkout."""
    for path in context.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o777 | 0o020)


def with_attribute(context: Path) -> None:
    os.setxattr(context / "src/b.txt", "user.note", b"seen")


def many(context: Path) -> None:
    (context / "src/many").mkdir()
    for number in range(300):
        (context / f"src/many/{number}").write_text(f"{number}\n")


def of_side(action: Callable[[Path], object]) -> Change:
    """A change to the directory of a named context."""

    def change(project: Project) -> BuildRequest | None:
        if not any(source == str(project.side) for _, source in project.request.build_contexts):
            return None
        action(project.side)
        return project.request

    return change


def ignore_file_changed(project: Project) -> BuildRequest | None:
    """One more pattern in the ignore file that counts."""
    beside = project.dockerfile.with_name(f"{project.dockerfile.name}.dockerignore")
    file = beside if beside.exists() else project.context / ".dockerignore"
    if not file.exists():
        return None
    file.write_text(file.read_text() + "run.sh\n")
    return project.request


def ignore_file_without_effect(project: Project) -> BuildRequest | None:
    """Another comment in the ignore file that counts: what matters is whether it is itself copied."""
    beside = project.dockerfile.with_name(f"{project.dockerfile.name}.dockerignore")
    file = beside if beside.exists() else project.context / ".dockerignore"
    if not file.exists():
        return None
    file.write_text("# nothing\n\n" + file.read_text())
    return project.request


def secret_changed(project: Project) -> BuildRequest | None:
    if not project.request.secrets:
        return None
    project.token.write_text("another secret")
    return project.request


def served_file_changed(project: Project) -> BuildRequest | None:
    text = project.dockerfile.read_text()
    if project.world.host not in text or "--checksum" in text:
        return None
    (project.world.web / project.tag / "file.bin").write_bytes(b"other bytes\n")
    return project.request


def served_file_touched(project: Project) -> BuildRequest | None:
    if project.world.host not in project.dockerfile.read_text():
        return None
    os.utime(project.world.web / project.tag / "file.bin", (2, 2))
    return project.request


CHANGES_OF_FILES: dict[str, Change] = {
    "nothing": lambda project: project.request,
    "content of a file": put("a.txt", "changed\n"),
    "content of a nested file": put("src/b.txt", "changed\n"),
    "content of a deep file": put("src/deep/d.txt", "changed\n"),
    "content of a file few copy": put("docs/f.md", "changed\n"),
    "content, size and time kept": on(same_size_and_time),
    "contents of two files swapped": on(swapped),
    "a file emptied": put("src/c.py", ""),
    "a file in Unicode": put("src/b.txt", "äöü \u2028\n"),
    "a large file": on(lambda context: (context / "src/large").write_bytes(b"large\n" * 400_000)),
    "mode of a file": permit("a.txt", 0o600),
    "mode of a nested file": permit("src/b.txt", 0o664),
    "executable bit lost": permit("run.sh", 0o644),
    "executable bit set": permit("src/c.py", 0o755),
    "setuid": permit("src/b.txt", 0o4755),
    "setgid of a directory": permit("src", 0o2755),
    "sticky directory": permit("src/deep", 0o1777),
    "mode of a directory": permit("src/deep", 0o700),
    "mode of the context itself": on(lambda context: context.chmod(0o700)),
    "modes of another umask": on(group_may_write),
    "a file renamed": on(lambda context: (context / "src/c.py").rename(context / "src/d.py")),
    "a file moved": on(lambda context: (context / "src/c.py").rename(context / "src/deep/c.py")),
    "a directory renamed": on(lambda context: (context / "docs").rename(context / "papers")),
    "a file added": put("src/new.txt", "new\n"),
    "a file added at the top": put("new.txt", "new\n"),
    "an unrelated file added": put("LICENSE", "new\n"),
    "a file removed": on(lambda context: (context / "src/c.py").unlink()),
    "an empty directory added": on(lambda context: (context / "src/void").mkdir()),
    "an empty directory removed": on(lambda context: (context / "src/empty").rmdir()),
    "many files added": on(many),
    "odd names": put("src/a b [x]* ü\t.txt", "odd\n"),
    "a name that is not UTF-8": on(lambda c: (c / os.fsdecode(b"src/\xff.txt")).write_text("odd\n")),
    "a link's target": on(relinked),
    "a link added": on(lambda context: (context / "src/new").symlink_to("c.py")),
    "a dangling link added": on(lambda context: (context / "src/lost").symlink_to("nowhere")),
    "a link to the outside": on(lambda context: (context / "src/out").symlink_to("/etc/passwd")),
    "a link to a directory": on(lambda context: (context / "src/dir").symlink_to("deep")),
    "a file turned into a link": on(file_to_link),
    "a link turned into a file": on(link_to_file),
    "a file turned into a directory": on(file_to_directory),
    "a hard link": on(hard_linked),
    "a pipe": on(lambda context: os.mkfifo(context / "src/pipe", 0o640)),
    "times": on(touched),
    "owner": on(owned),
    "a new checkout": on(copied_anew),
    "an extended attribute": on(with_attribute),
    "content of an archive": on(lambda c: (c / "e.tar.gz").write_bytes(archive("changed\n"))),
    "an ignore file added": ignoring(".dockerignore", "**/*.py\n"),
    "an ignore file with exceptions": ignoring(".dockerignore", "src/deep\ndocs\n!src/deep/d.txt\n"),
    "an ignore file that ignores itself": ignoring(".dockerignore", ".dockerignore\nDockerfile\n"),
    "an ignore file without effect": ignoring(".dockerignore", "# nothing\nnot-there\n"),
    "an ignore file of the Dockerfile": ignoring("Dockerfile.dockerignore", "docs\n"),
    "an ignore file changed": ignore_file_changed,
    "an ignore file's comment": ignore_file_without_effect,
    "content of a named context": of_side(lambda side: (side / "x.txt").write_text("changed\n")),
    "an unrelated file of a named context": of_side(lambda side: (side / "new").write_text("new\n")),
    "mode in a named context": of_side(lambda side: (side / "deep/y.txt").chmod(0o600)),
    "times of a named context": of_side(touched),
    "a secret's value": secret_changed,
    "a served file": served_file_changed,
    "a served file's time": served_file_touched,
}
