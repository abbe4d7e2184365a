"""After the engine: result files, loading the image, what the caller asked to have written."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError
from fastbuild.files import not_writable, replace_file

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
    """Write a result file whole or not at all. Raises UsageError naming the path."""
    try:
        replace_file(Path(path), text.encode())
    except OSError as error:
        raise not_writable(Path(path), error) from error


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
