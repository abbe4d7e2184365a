"""Turn what the user named into files that an engine can read: stdin, tar archives, Dockerfile URLs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fastbuild.errors import UsageError
from fastbuild.request import is_remote, parse_fields

if TYPE_CHECKING:
    import tarfile

    from fastbuild.request import BuildRequest

MAGICS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
DOCKERFILE_LIMIT = 20 * 1024 * 1024
"""Bytes of a Dockerfile from a URL or stdin; longer is surely a mistake."""


def stage(request: BuildRequest, stdin: BinaryIO, workdir: Path) -> BuildRequest:
    """The same request with `context` and `file` as absolute paths or engine-fetched URLs.

    Reads standard input where "-" was given; writes below `workdir`. Raises UsageError when something
    named does not exist.
    """
    if request.context == "-" and request.file == "-":
        raise UsageError(
            "standard input can't be both the context and the Dockerfile",
            fix="give the context as a path, or the Dockerfile with -f PATH",
        )
    if request.file == "-":
        request = replace(request, file=_keep(stdin.read(DOCKERFILE_LIMIT), workdir))
    elif request.file and request.file.startswith(("http://", "https://")):
        request = replace(request, file=_keep(_download(request.file), workdir))
    if request.context == "-":
        request = _from_stdin(request, stdin, workdir)
    _check_secrets(request)
    contexts = tuple((name, _absolute(name, source)) for name, source in request.build_contexts)
    request = replace(request, build_contexts=contexts)
    if is_remote(request.context):
        return request
    context = Path(request.context).absolute()
    if not context.is_dir():
        raise UsageError(
            f"the build context {request.context!r} is not a directory",
            fix="name an existing directory, a git or http URL, or - for standard input",
        )
    file = _dockerfile(context, request.file)
    return replace(request, context=str(context), file=str(file))


def is_directory(source: str) -> bool:
    """Whether a `--build-context` value is a directory here."""
    return not is_remote(source) and "://" not in source


def _absolute(name: str, source: str) -> str:
    if not is_directory(source):
        return source
    if not Path(source).is_dir():
        raise UsageError(f"--build-context {name}={source}: no such directory")
    return str(Path(source).absolute())


def _dockerfile(context: Path, named: str | None) -> Path:
    if named:
        file = Path(named).absolute()
        if not file.is_file():
            raise UsageError(f"there is no Dockerfile {named!r}", fix="check the path given with -f")
        return file
    for name in ("Dockerfile", "dockerfile"):
        if (context / name).is_file():
            return context / name
    raise UsageError(f"there is no Dockerfile in {context}", fix="name one with -f PATH")


def _from_stdin(request: BuildRequest, stdin: BinaryIO, workdir: Path) -> BuildRequest:
    context = workdir / "context"
    context.mkdir()
    head = stdin.read(512)
    if head.startswith(MAGICS) or head[257:262] == b"ustar":
        _unpack(_Joined(head, stdin), context)
        file = request.file
        if file and not Path(file).is_absolute():
            file = str(context / file)
        return replace(request, context=str(context), file=file)
    if request.file:
        raise UsageError(
            "there are two Dockerfiles: standard input and -f", fix="leave -f out, or pipe a tar archive"
        )
    text = head + stdin.read(DOCKERFILE_LIMIT)
    if not text.strip():
        raise UsageError("standard input was empty", fix="pipe a Dockerfile or a tar archive to fastbuild")
    return replace(request, context=str(context), file=_keep(text, workdir))


def _keep(text: bytes, workdir: Path) -> str:
    folder = workdir / "dockerfile"
    folder.mkdir()
    (folder / "Dockerfile").write_bytes(text)
    return str(folder / "Dockerfile")


class _Joined:
    """A stream that begins with bytes already read; all that tarfile's stream mode needs."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head[:size], self._head[size:]
        return head if len(head) == size else head + self._rest.read(size - len(head))


def _unpack(stream: _Joined, context: Path) -> None:
    import tarfile

    def keep_modes(member: tarfile.TarInfo, root: str) -> tarfile.TarInfo | None:
        if member.isdev():
            raise UsageError(f"the tar archive holds a device: {member.name}")
        if member.islnk():
            target = (context / member.linkname).resolve()
            if not target.is_relative_to(context.resolve()):
                raise UsageError(f"the tar archive links outside itself: {member.name}")
        checked = tarfile.tar_filter(member, root)
        # tar_filter drops group and other write bits; modes are part of every COPY's key
        kept = checked.replace(mode=member.mode, deep=False)
        kept.uid = kept.gid = None  # type: ignore[assignment]  # nobody's: extracted as ours
        return kept

    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:  # type: ignore[call-overload]
            archive.extractall(context, filter=keep_modes)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UsageError(
            f"standard input is not a complete tar archive: {error}",
            cause="the program that writes it ended early",
        ) from error


def _download(url: str) -> bytes:
    import requests

    try:
        with requests.get(url, timeout=30, stream=True) as response:
            response.raise_for_status()
            return bytes(response.raw.read(DOCKERFILE_LIMIT, decode_content=True))
    except requests.RequestException as error:
        raise UsageError(f"the Dockerfile {url} can't be fetched: {error}") from error


def _check_secrets(request: BuildRequest) -> None:
    for text in request.secrets:
        fields = dict(parse_fields(text, flag="--secret"))
        source = fields.get("src") or fields.get("source")
        if source and fields.get("type") != "env" and not Path(source).is_file():
            raise UsageError(f"--secret {fields.get('id', '')}: there is no file {source!r}")
        if not fields.get("id") and not source:
            raise UsageError(f"--secret {text!r} has no id", fix="write id=NAME,src=FILE")
