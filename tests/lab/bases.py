"""Base images for a registry that stands in for docker.io, built from Debian packages."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.engine import Buildkitd, buildkitd_toml
from tests.lab.places import digest, lab_dir, making, step
from tests.lab.rootfs import busybox_rootfs, debian_rootfs
from tests.lab.services import RegistryServer
from tests.lab.trust import Trust, host_trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.tools import Tools

PYTHON = """\
FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends \\
      ca-certificates netbase python3 python3-pip python3-venv tzdata \\
 && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED \\
 && ln -s /usr/bin/python3 /usr/local/bin/python \\
 && find /usr/lib/python3 /usr/lib/python3.11 -name __pycache__ -prune -exec rm -rf {} +
ENV LANG=C.UTF-8 PYTHON_VERSION=3.11 PYTHONUNBUFFERED=1
CMD ["python3"]
"""


@dataclass(frozen=True)
class Base:
    """One image: its names on docker.io, and a Dockerfile that may add ``rootfs.tar``.

    ``files`` are settings of this host, path in the image → text; a Dockerfile takes them with
    ``COPY host/ /``.
    """

    names: tuple[str, ...]
    dockerfile: str
    rootfs: Callable[[Trust], Path] | None = None
    files: Callable[[], dict[str, str]] = dict


# In this order: a later one may start from an earlier one.
BASES = (
    Base(
        ("debian:bookworm-slim", "debian:bookworm", "debian:12-slim", "debian:12"),
        'FROM scratch\nADD rootfs.tar /\n{env}CMD ["bash"]\n',
        debian_rootfs,
    ),
    Base(
        ("busybox:latest", "busybox:1.35", "busybox:stable"),
        'FROM scratch\nADD rootfs.tar /\n{env}CMD ["sh"]\n',
        busybox_rootfs,
    ),
    Base(("python:3.11-slim", "python:3.11-slim-bookworm", "python:3.11"), PYTHON),
)


def ensure_bases(tools: Tools) -> Path:
    """The storage folder of a registry that holds all bases; instant when made before."""
    return made(tools, BASES, host_trust())


def made(tools: Tools, bases: tuple[Base, ...], trust: Trust, *, onto: Path | None = None) -> Path:
    """The storage folder of a registry with ``bases``, and with what the storage ``onto`` holds."""
    rootfs = {base.names[0]: base.rootfs(trust) for base in bases if base.rootfs}
    recipes = [text for base in bases for text in (*base.names, base.dockerfile)]
    recipes += [text for base in bases for item in sorted(base.files().items()) for text in item]
    under = [str(onto)] if onto else []
    key = digest(*recipes, *map(str, rootfs.values()), trust.dockerfile_env(), *under)
    target = lab_dir() / "bases" / key
    with making(target) as draft:
        if draft:
            if onto:
                shutil.copytree(onto, draft / "server/storage")
            with RegistryServer(tools, folder=draft / "server") as registry:
                _build_all(tools, registry, bases, rootfs, trust)
            registry.storage.rename(draft / "storage")
            shutil.rmtree(draft / "server")
    return target / "storage"


@contextlib.contextmanager
def registry_with_bases(tools: Tools) -> Iterator[RegistryServer]:
    """A registry of one's own that starts with the bases; what is pushed is gone at the end."""
    storage = ensure_bases(tools)
    with tempfile.TemporaryDirectory(prefix="fastbuild-registry-") as folder:
        # A copy, so that tests may push, delete and damage what they like.
        shutil.copytree(storage, Path(folder) / "storage")
        with RegistryServer(tools, folder=Path(folder)) as registry:
            yield registry


def _build_all(
    tools: Tools, registry: RegistryServer, bases: tuple[Base, ...], rootfs: dict[str, Path], trust: Trust
) -> None:
    with Buildkitd(tools, buildkitd_toml(registry.address)) as daemon:
        for base in bases:
            with step(f"base image {base.names[0]}"), tempfile.TemporaryDirectory() as folder:
                context = Path(folder)
                text = base.dockerfile.replace("{env}", trust.dockerfile_env())
                (context / "Dockerfile").write_text(text)
                if archive := rootfs.get(base.names[0]):
                    shutil.copyfile(archive, context / "rootfs.tar")
                (context / "host").mkdir()
                for path, setting in base.files().items():
                    (context / "host" / path).parent.mkdir(parents=True, exist_ok=True)
                    (context / "host" / path).write_text(setting)
                names = ",".join(f"{registry.address}/library/{name}" for name in base.names)
                daemon.build(context, "--output", f'type=image,"name={names}",push=true')
