"""After the engine: result files, loading the image, what the caller asked to have written."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.engines.api import Job


def read_metadata(job: Job) -> dict[str, object]:
    """The engine's result metadata; empty when it wrote none (no image was made).

    Keys as BuildKit's exporters write them: `containerimage.digest`, `containerimage.config.digest` …
    """
    try:
        found = json.loads(Path(job.metadata_file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _classic(job)
    return found if isinstance(found, dict) else {}


def _classic(job: Job) -> dict[str, object]:
    try:
        return {"containerimage.config.digest": Path(job.workdir, "iid").read_text(encoding="utf-8")}
    except FileNotFoundError:
        return {}


def read_answer(job: Job) -> bytes:
    """What a `--call` printed, where it was kept; empty when there is none."""
    try:
        return Path(job.answer_file).read_bytes()
    except FileNotFoundError:
        return b""


def image_id(metadata: Mapping[str, object]) -> str:
    """The image's ID as docker prints it: the config's digest, else the manifest's, else empty."""
    return str(metadata.get("containerimage.config.digest") or metadata.get("containerimage.digest") or "")


def write_beside(path: str, text: str) -> None:
    """Write a file whole or not at all: a new file beside it is renamed over it; a device is written to.

    Raises UsageError naming the path; the old file then still stands.
    """
    import tempfile

    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        target = target.resolve()
        descriptor, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            umask = os.umask(0)
            os.umask(umask)
            Path(beside).chmod(0o666 & ~umask)
            Path(beside).replace(target)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"{path} can't be written: {error.strerror}", fix="check the directory, its rights and free space"
        ) from error


def write_metadata(path: str, metadata: Mapping[str, object]) -> None:
    """Write the engine's result metadata as docker does: indented JSON."""
    write_beside(path, json.dumps(metadata, indent=2, sort_keys=True) + "\n")


def load_image(archive: str, environ: Mapping[str, str]) -> str:
    """Load an image archive into the docker engine; returns the image's ID.

    Raises EngineError when no engine answers or it refuses the archive.
    """
    import docker
    import docker.errors

    try:
        client = docker.from_env(environment=dict(environ))
        with closing(client), Path(archive).open("rb") as file:
            loaded = client.images.load(file)
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError(
            f"the image was built, but the docker engine did not load it: {error}",
            cause="no docker engine runs here, or its disk is full",
            fix="use --push or -o type=docker,dest=FILE instead of --load",
        ) from error
    return str(loaded[0].id) if loaded else ""


def docker_answers(environ: Mapping[str, str]) -> bool:
    """Whether a docker engine's socket is there to load into, without asking it anything."""
    host = environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return True
    path = host.removeprefix("unix://")
    if not Path(path).exists():
        return False
    import socket

    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(path) == 0
