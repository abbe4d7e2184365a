"""Images of a proof in the plain docker engine's store: taken out as archives, and removed at the end."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping


def save_image(image: str, archive: Path, environ: Mapping[str, str]) -> None:
    """Write an image to a file as `docker save` does. Raises EngineError when the engine refuses."""
    import docker
    import docker.errors

    try:
        client = docker.from_env(environment=dict(environ))
        with closing(client), Path(archive).open("wb") as file:
            for chunk in client.images.get(image).save():
                file.write(chunk)
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError(f"the docker engine did not give the image back: {error}") from error


def remove_image(image: str, environ: Mapping[str, str]) -> None:
    """Remove an image that has no tag; one that is tagged or used meanwhile stays."""
    import docker
    import docker.errors

    with suppress(docker.errors.DockerException, OSError):
        client = docker.from_env(environment=dict(environ))
        with closing(client):
            found = client.images.get(image)
            if not found.tags:
                client.images.remove(image)
