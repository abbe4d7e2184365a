"""The graph for another platform than the engine's own, which the frontend alone would not give.

`frontend.convertllb` takes no notice of the option `platform`: it answers for the first platform of the
engine's worker. So the platform is written into the Dockerfile that it is asked about, as `FROM --platform`
in the same line, and the TARGET… arguments are given as build arguments. That is what the option does in a
build, but for images that no FROM names and for what runs in a stage from scratch: the answer shows those,
and is refused then. A COPY in such a stage has the platform in its name alone, which is put right.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import process
from fastbuild.dockerfile.parse import decode, encode, parse
from fastbuild.errors import DockerfileSyntax, EngineError, UsageError
from fastbuild.keys.graph import GraphError, read_graph, with_names
from fastbuild.keys.ops import normal_platform
from fastbuild.process import Command
from fastbuild.progress.rawjson import StepName
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.engines.api import Job
    from fastbuild.keys.graph import Op
    from fastbuild.request import BuildRequest

    Platform = tuple[str, str, str]

TIMEOUT = 20.0
"""Seconds to ask an engine for its platforms."""
FROM = re.compile(r"(?i)^\s*FROM(?=\s)")
TARGETS = ("TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT")


def for_platform(
    job: Job, request: BuildRequest, own: Platform | None = None
) -> tuple[BuildRequest, Callable[[str], str]]:
    """The request to ask with, and what makes the answer one for its platform, or refuses it.

    `own` is the engine's platform; it is asked for where it isn't given. Raises UsageError for a platform
    whose graph can't be had, EngineError where the engine doesn't tell its own.
    """
    if not request.platforms:
        return request, _any
    if len(request.platforms) > 1:
        raise _refused(request, "each platform has a graph of its own", "give one --platform")
    wanted = parse_platform(request.platforms[0])
    own = own or own_platform(job, request)
    if wanted == own:
        return request, _any
    dockerfile = _dockerfile(request)
    if dict(request.build_args).keys() & set(TARGETS):
        raise _refused(request, "TARGET… arguments were given as well", "leave those --build-arg out")
    file = _written(job, request, dockerfile, wanted)
    given = dict(zip(TARGETS, (_text(wanted), *wanted), strict=True))
    asked = replace(request, platforms=(), file=str(file), build_args=(*request.build_args, *given.items()))
    return asked, lambda text: _checked(text, request, dockerfile, own, wanted)


def parse_platform(text: str) -> Platform:
    """`OS/ARCH[/VARIANT]`, or an architecture alone, in one spelling. Raises UsageError for others."""
    system, architecture, variant = _parts(text.strip().lower())
    platform = normal_platform(system or "linux", architecture or "", variant or "")
    if platform[1] not in ARCHITECTURES:
        raise UsageError(
            f"--platform {text!r} can't be predicted", fix="write OS/ARCHITECTURE[/VARIANT], as linux/arm64"
        )
    return platform


def _parts(text: str) -> tuple[str | None, str | None, str | None]:
    match = PLATFORM.fullmatch(text)
    return (match[1], match[2], match[3]) if match else (None, None, None)


PLATFORM = re.compile(r"(?:([a-z0-9]+)/)?([a-z0-9_-]+)(?:/([a-z0-9.]+))?")
ARCHITECTURES = frozenset(
    {"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le"}
    | {"riscv64", "s390x", "wasm"}
)
"""As Go names them."""


def _any(text: str) -> str:
    return text


def _text(platform: Platform) -> str:
    return "/".join(part for part in platform if part)


def _refused(request: BuildRequest, why: str, fix: str) -> UsageError:
    return UsageError(
        f"the steps for {','.join(request.platforms)} can't be told without building", cause=why, fix=fix
    )


def own_platform(job: Job, request: BuildRequest) -> Platform:
    """The first platform of the engine's first worker, for which the frontend answers.

    Raises EngineError where the engine doesn't tell.
    """
    if job.program[-1] == "buildx":
        argv = (*job.program, "inspect", *((request.builder,) if request.builder else ()))
        done = process.run(Command(argv=argv, env=job.env), timeout=TIMEOUT)
        said = re.search(r"(?m)^\s*Platforms:\s*([^\s,*]+)", done.stdout)
        first = said[1] if said else ""
    else:
        argv = (*job.program, "debug", "workers", "--format", "{{json .}}")
        done = process.run(Command(argv=argv, env=job.env), timeout=TIMEOUT)
        first = _first_platform(done.stdout)
    if done.returncode != 0 or not first:
        raise EngineError(
            "the engine does not tell its platforms",
            cause=done.stderr.strip()[-300:],
            fix="leave --platform out",
        )
    return parse_platform(first)


def _first_platform(text: str) -> str:
    try:
        platform = json.loads(text)[0]["platforms"][0]
        return _text((str(platform["os"]), str(platform["architecture"]), str(platform.get("variant", ""))))
    except (ValueError, LookupError, TypeError):
        return ""


def _dockerfile(request: BuildRequest) -> Dockerfile:
    if is_remote(request.context) or (request.file and is_remote(request.file)):
        raise _refused(request, "only the engine sees this Dockerfile", "clone the repository")
    file = Path(request.file or f"{request.context}/Dockerfile")
    try:
        return parse(decode(file.read_bytes()))
    except (OSError, DockerfileSyntax) as error:
        raise _refused(request, f"{file} can't be read here", "leave --platform out to see why") from error


def _written(job: Job, request: BuildRequest, dockerfile: Dockerfile, wanted: Platform) -> Path:
    """The Dockerfile with the platform in it, and its ignore file, in a directory of their own."""
    source = Path(request.file or f"{request.context}/Dockerfile")
    folder = Path(job.workdir) / "foreign" / "-".join(wanted)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / source.name
    file.write_bytes(encode(with_platform(dockerfile, wanted)))
    ignore = source.with_name(f"{source.name}.dockerignore")
    if ignore.is_file():
        file.with_name(ignore.name).write_bytes(ignore.read_bytes())
    return file


def with_platform(dockerfile: Dockerfile, platform: Platform) -> str:
    """The text with that platform for every FROM that names none; lines keep their numbers.

    In variables, two at least: the frontend's own checks, which may fail a build, mind a fixed platform
    and $TARGETPLATFORM alone.
    """
    flag = " --platform=$TARGETOS/$TARGETARCH" + ("/$TARGETVARIANT" if platform[2] else "")
    parts = []
    for piece in dockerfile.pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        own = piece.keyword == "FROM" and piece.flag("platform") is None
        source = FROM.sub(lambda keyword: keyword[0] + flag, piece.source) if own else piece.source
        parts += [piece.comment, source]
    return "".join(parts)


def _checked(
    text: str, request: BuildRequest, dockerfile: Dockerfile, own: Platform, wanted: Platform
) -> str:
    """The answer with the wanted platform in all names. Refuse one with operations for the engine's own
    platform that no FROM asked for."""
    try:
        graph = read_graph(text)
    except GraphError:
        return text  # whoever reads it says so
    names = {}
    for op in graph.ops:
        if _asked_for(op, dockerfile):
            continue
        if any(op.platform) and normal_platform(*op.platform) == own:
            raise _refused(
                request,
                "it runs on a stage from scratch, or copies from an image that no FROM names",
                "give that image a FROM … AS of its own",
            )
        named = StepName.parse(op.name).platform
        if named.partition("->")[0] == _text(own):
            names[op.digest] = op.name.replace(named, _text(wanted), 1)
    return with_names(text, names) if names else text


def _asked_for(op: Op, dockerfile: Dockerfile) -> bool:
    """Whether an operation stands only where a FROM's own --platform decides."""
    return bool(op.lines) and all(_explicit(first, op, dockerfile) for first, _ in op.lines)


def _explicit(line: int, op: Op, dockerfile: Dockerfile) -> bool:
    stage = next((s for s in reversed(dockerfile.stages) if s.start.start <= line), None)
    if stage is None or (op.kind == "source" and line > stage.start.end):
        return False
    while (below := dockerfile.base_stage(stage.base, stage.index)) is not None:
        stage = below  # has its platform from there, whatever its own FROM says
    return stage.start.flag("platform") is not None and stage.base != "scratch"
