"""What `fastbuild analyze` looks at: files, directories, stdin, compose and bake files → `Target`s."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import FastbuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastbuild.analysis.compose import Build

STDIN = "<stdin>"
LIMIT = 20 * 1024 * 1024
"""Bytes of a Dockerfile; longer is surely a mistake."""
_USUAL = 64 * 1024
NAMES = ("dockerfile", "containerfile")
_OTHER_ENDINGS = (
    *(".dockerignore", ".md", ".orig", ".rej", ".bak", ".swp", ".license", ".lock", "~"),
    *(
        ".tmpl",
        ".j2",
        ".in",
        ".template",
        ".erb",
        ".py",
        ".sh",
        ".go",
        ".js",
        ".ts",
        ".json",
        ".yml",
        ".yaml",
    ),
)
"""`Dockerfile.*` that are no Dockerfiles, or not yet: templates."""
SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "vendor", ".venv", "venv", "__pycache__", ".tox"})
"""Directories that `--recursive` does not enter: what is in them is others', or made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One Dockerfile to analyse. `path` is what reports call it, `file` where it lies (None: nowhere).

    `context` is None when there is none. `build_args` are those of a compose or bake file.
    """

    path: str
    raw: bytes
    file: Path | None = None
    context: Path | None = None
    build_args: tuple[tuple[str, str | None], ...] = ()


@dataclass(slots=True, kw_only=True)
class Finder:
    """Finds targets for the arguments of one call; what can't be read goes to `problems`, once each.

    `context` overrides each file's own. `bake` prints a bake file as JSON; it may raise FastbuildError.
    """

    environ: Mapping[str, str]
    stdin: Callable[[], bytes]
    bake: Callable[[Path], str]
    context: Path | None = None
    recursive: bool = False
    problems: list[str] = field(default_factory=list)
    _found: dict[object, Target] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What was found so far, in the order of the arguments."""
        return tuple(self._found.values())

    def find(self, paths: Sequence[str], file: str | None = None) -> None:
        """Add the targets of `paths`; with `file`, that Dockerfile and the one path as its context.

        Raises UsageError for arguments that contradict each other.
        """
        if file is not None:
            if len(paths) > 1 or (paths and not Path(paths[0]).is_dir()):
                raise UsageError("with -f, the argument is the build context", fix="name one directory")
            self._file(Path(file), Path(paths[0]) if paths else None)
            return
        for path in paths or (".",):
            if path == "-":
                self._read(Target(path=STDIN, raw=self.stdin(), context=self.context))
            elif Path(path).is_dir():
                self._directory(Path(path))
            else:
                self._named(Path(path))

    def _named(self, path: Path) -> None:
        name = path.name.lower()
        if not name.endswith((".yml", ".yaml", ".hcl", ".json")):
            self._file(path)
            return
        from fastbuild.analysis import compose

        if name.endswith((".yml", ".yaml")):
            self._builds(path, lambda text: compose.services(text, path, self.environ))
        else:
            self._builds(path, lambda text: compose.bake_targets(self._baked(path, text), path))

    def _baked(self, path: Path, text: str) -> str:
        return text if path.suffix.lower() == ".json" else self.bake(path)

    def _directory(self, folder: Path) -> None:
        found = list(_walk(folder) if self.recursive else _dockerfiles(folder))
        if not found:
            self.problems.append(f"{shown(folder)}: there is no Dockerfile in this directory")
        for path in found:
            self._file(path, None if self.recursive else folder)

    def _file(self, path: Path, context: Path | None = None, build: Build | None = None) -> None:
        try:
            with path.open("rb") as file:
                raw = file.read(_USUAL)  # all of LIMIT at once would be allocated first
                raw += file.read(LIMIT + 1 - _USUAL) if len(raw) == _USUAL else b""
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.problems.append(f"{shown(path)}: {reason}")
            return
        where = self.context or context or path.parent
        args = build.args if build else ()
        self._read(Target(path=shown(path), raw=raw, file=path, context=where, build_args=args))

    def _builds(self, path: Path, read: Callable[[str], Sequence[Build]]) -> None:
        try:
            builds = read(path.read_text(encoding="utf-8"))
        except FastbuildError as error:
            self.problems.append(": ".join(filter(None, (error.what, error.fix))))
            return
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            self.problems.append(f"{shown(path)}: {reason}")
            return
        if not builds:
            self.problems.append(f"{shown(path)}: it builds nothing from a directory here")
        for build in builds:
            if build.inline is None:
                self._file(build.file, build.context, build)
            else:
                raw = build.inline.encode("utf-8", "replace")
                name = f"{shown(path)}#{build.name}"
                context = self.context or build.context
                self._read(Target(path=name, raw=raw, context=context, build_args=build.args))

    def _read(self, target: Target) -> None:
        """Once each: services of a compose file often share a Dockerfile."""
        if len(target.raw) > LIMIT:
            self.problems.append(f"{target.path}: this is no Dockerfile, it is longer than 20 MiB")
            return
        self._found.setdefault((target.path, target.context, target.build_args), target)


def shown(path: Path) -> str:
    """A path as reports name it: relative to the current directory if it lies below, with slashes."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current directory is gone
        return path.as_posix()
    return relative if not relative.startswith("..") else path.absolute().as_posix()


def _is_dockerfile(name: str) -> bool:
    """`Dockerfile`, `Containerfile`, `*.Dockerfile` and `Dockerfile.*`, in any case."""
    lower = name.lower()
    if lower.endswith(_OTHER_ENDINGS):
        return False
    return any(
        lower == kind or lower.endswith(f".{kind}") or fnmatch.fnmatchcase(lower, f"{kind}.?*")
        for kind in NAMES
    )


def _dockerfiles(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if _is_dockerfile(e.name) and e.is_file())
    except OSError:
        return
    yield from (folder / name for name in names)


def _walk(folder: Path) -> Iterator[Path]:
    """All Dockerfiles below; links to directories are not followed, so loops can't happen."""
    for parent, folders, _ in os.walk(folder):
        folders[:] = sorted(set(folders) - SKIPPED)
        yield from _dockerfiles(Path(parent))
