"""What every instruction starts with: directory, user, shell, variables, commands; folded over the stages."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.dockerfile.expand import expand_text
from fastbuild.dockerfile.scope import Scope
from fastbuild.dockerfile.shell import Call, Script, Word, read_script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.commands import Action
    from fastbuild.dockerfile.model import Dockerfile, Instruction, Stage


class _Nothing(dict[str, "str | None"]):
    """Empty, and good for a dataclass' default, which `MappingProxyType` is from Python 3.12 only."""

    __hash__ = object.__hash__  # type: ignore[assignment]


NOTHING: Mapping[str, str | None] = _Nothing()
EMPTY = Script()
State = tuple["str | None", str, "tuple[str, ...] | None", Scope]
"""Directory, user, shell and variables; see `Step`."""


@dataclass(frozen=True)
class Step:
    """One instruction in its place.

    `cwd` is the absolute directory it starts in, None when only the base image knows; `user` as last
    set, "" for the base's own; `shell` None for the default one. `scope` holds the variables before it.
    """

    instruction: Instruction
    stage: Stage
    cwd: str | None
    user: str
    shell: tuple[str, ...] | None
    scope: Scope
    escape: str = "\\"
    keyword: str = field(init=False, repr=False, compare=False)
    """The instruction's, in capitals."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyword", self.instruction.keyword)  # every rule asks every step

    @cached_property
    def script(self) -> Script:
        """The commands of a RUN; of the JSON form its one command; empty for others, incomplete if
        unreadable."""
        return run_script(self.instruction, self.shell) if self.keyword == "RUN" else EMPTY

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """The commands of a RUN, classified; see `fastbuild.analysis.commands`."""
        from fastbuild.analysis.commands import classified

        return classified(self.script)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The expanded sources of COPY and ADD; heredoc markers left out."""
        words = self.instruction.words[:-1] if self.keyword in ("COPY", "ADD") else ()
        return tuple(self.expanded(word) for word in words if not word.startswith("<<"))

    @cached_property
    def destination(self) -> str | None:
        """The absolute destination of COPY, ADD and WORKDIR, with a trailing slash if written; None if
        unknown."""
        if self.keyword not in ("COPY", "ADD", "WORKDIR") or not self.instruction.words:
            return None
        return self.absolute(self.expanded(self.instruction.words[-1]))

    def expanded(self, word: str) -> str:
        """`word` as BuildKit expands it here. Raises DockerfileSyntax."""
        return expand_text(word, self.scope.values, self.escape)

    def absolute(self, path: str) -> str | None:
        """`path` seen from `cwd`, normalised, a trailing slash kept; None if that needs an unknown
        directory."""
        if not path.startswith("/") and self.cwd is None:
            return None
        full = posixpath.normpath(posixpath.join(self.cwd or "/", path))
        full = "/" + full.lstrip("/")
        ends = path.endswith("/") or path.rsplit("/", 1)[-1] in ("", ".", "..")
        return full if not ends or full == "/" else full + "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """A stage's steps, FROM first, with the base's reference expanded. `parent` is None on an image."""

    stage: Stage
    base: str
    parent: StageFacts | None
    steps: tuple[Step, ...]
    runs: tuple[Step, ...]
    """The RUNs among the steps: what most rules are about."""
    after: Step
    """The state behind the last instruction (its `instruction` is the last one)."""


def stage_facts(
    dockerfile: Dockerfile, build_args: Mapping[str, str | None] = NOTHING
) -> tuple[StageFacts, ...]:
    """The facts of every stage, in file order."""
    header = Scope.global_()
    for instruction in dockerfile.header:
        for name, default in instruction.pairs():
            header = header.expand_arg(name, default, build_args, dockerfile.escape)
    found: list[StageFacts] = []
    for stage in dockerfile.stages:
        base = expand_text(stage.base, header.values, dockerfile.escape)
        below = dockerfile.base_stage(base, before=stage.index)
        parent = found[below.index] if below else None
        start = parent.after if parent else None
        state: State = (
            start.cwd if start else _base_directory(base),
            start.user if start else "",
            start.shell if start else None,
            header.stage(start.scope if start else None),
        )
        steps, after = _fold(stage, state, build_args, dockerfile.escape)
        runs = tuple(step for step in steps if step.keyword == "RUN")
        found.append(StageFacts(stage=stage, base=base, parent=parent, steps=steps, runs=runs, after=after))
    return tuple(found)


def _fold(
    stage: Stage, state: State, build_args: Mapping[str, str | None], escape: str
) -> tuple[tuple[Step, ...], Step]:
    """The steps of a stage, and the state behind them."""
    steps = []
    for instruction in stage.instructions:
        step = Step(instruction, stage, *state, escape)  # `replace` takes ten times as long
        steps.append(step)
        if instruction.keyword in _CHANGING:
            state = _after(step, build_args)
    return tuple(steps), Step(stage.instructions[-1], stage, *state, escape)


def _after(step: Step, build_args: Mapping[str, str | None]) -> State:
    """The state that one of `_CHANGING` leaves behind."""
    instruction, scope = step.instruction, step.scope
    words = instruction.words
    cwd, user, shell = step.cwd, step.user, step.shell
    match instruction.keyword:
        case "WORKDIR":
            path = step.destination
            cwd = path if path in (None, "/") else path.rstrip("/")
        case "USER" if words:
            user = step.expanded(words[0])
        case "SHELL":
            shell = words
        case "ENV":
            values = [
                (step.expanded(name), step.expanded(value or "")) for name, value in instruction.pairs()
            ]
            for name, value in values:
                scope = scope.set_env(name, value)
        case "ARG":
            for name, default in instruction.pairs():
                scope = scope.expand_arg(name, default, build_args, step.escape)
        case _:
            pass
    return cwd, user, shell, scope


_CHANGING = frozenset({"WORKDIR", "USER", "SHELL", "ENV", "ARG"})
_ROOTED = frozenset(
    {
        *("debian", "ubuntu", "alpine", "busybox", "scratch", "python", "node", "rust", "maven", "fedora"),
        *(
            "nginx",
            "httpd",
            "redis",
            "postgres",
            "mysql",
            "eclipse-temurin",
            "openjdk",
            "buildpack-deps",
            "ruby",
        ),
        *("amazoncorretto", "archlinux", "rockylinux", "almalinux", "oraclelinux", "gcc", "perl"),
    }
)
"""Official images whose configuration names no WORKDIR (docker-library's Dockerfiles)."""
_DIRECTORIES = MappingProxyType({"golang": "/go", "php": "/var/www/html", "composer": "/app"})


def _base_directory(base: str) -> str | None:
    name = base.partition("@")[0].partition(":")[0].removeprefix("docker.io/").removeprefix("library/")
    return "/" if name in _ROOTED else _DIRECTORIES.get(name)


_ONLY_HEREDOC = re.compile(r"\d*<<-?\s*[\"']?[^\s\"'<>&|;]+[\"']?")
_POSIX = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})


def run_script(instruction: Instruction, shell: tuple[str, ...] | None = None) -> Script:
    """The commands of a RUN (also of CMD, ENTRYPOINT and HEALTHCHECK); `complete` is False for foreign
    shells."""
    if instruction.json:
        words = instruction.words
        if len(words) == 3 and words[0].rpartition("/")[2] in _POSIX and words[1] == "-c":
            return read_script(words[2])
        return Script(calls=(Call(words=tuple(Word(word, word) for word in words)),))
    if shell is not None and (not shell or shell[0].rpartition("/")[2] not in _POSIX):
        return Script(complete=False)
    command = instruction.words[0] if instruction.words else ""
    bodies = instruction.heredocs
    if not bodies:
        return read_script(command)
    if len(bodies) == 1 and _ONLY_HEREDOC.fullmatch(command.strip()):
        if bodies[0].content.startswith("#!"):
            first = bodies[0].content.partition("\n")[0]
            if first[2:].split()[:1] and first[2:].split()[0].rpartition("/")[2] not in _POSIX:
                return Script(complete=False)
        return read_script(bodies[0].content)
    text = command + "\n" + "".join(f"{body.content}{body.name}\n" for body in bodies)
    return read_script(text)
