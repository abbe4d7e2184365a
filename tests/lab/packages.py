"""Debian packages the lab needs, installed when missing and allowed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.places import LabError, step
from tests.lab.processes import run

if TYPE_CHECKING:
    from collections.abc import Mapping

# package → a file or program that proves it is there
NEEDED = {
    "runc": "runc",
    "debootstrap": "debootstrap",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "busybox-static": "busybox",
    "uidmap": "newuidmap",
    "rootlesskit": "rootlesskit",
    "zstd": "zstd",
}
DOCKER = {"docker.io": "dockerd"}


def find_program(name: str) -> Path | None:
    """The program's path; sbin folders are searched even when an ordinary user's PATH lacks them."""
    if name.startswith("/"):
        return Path(name) if Path(name).exists() else None
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin:/usr/sbin:/sbin"])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def need_program(name: str) -> Path:
    """The program's path, or an error naming it."""
    found = find_program(name)
    if found is None:
        msg = f"{name} is missing; run `python -m tests.lab tools` as root"
        raise LabError(msg)
    return found


def ensure_packages(wanted: Mapping[str, str] = NEEDED) -> None:
    """Install what is missing with apt; a machine that has all is left alone."""
    missing = [package for package, proof in wanted.items() if find_program(proof) is None]
    if not missing:
        return
    if os.getuid() != 0 or find_program("apt-get") is None:
        msg = f"missing: run as root `apt-get install -y --no-install-recommends {' '.join(missing)}`"
        raise LabError(msg)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"apt-get install {' '.join(missing)}"):
        try:
            _install(missing, env)
        except LabError:  # a fresh machine has no package lists, or stale ones
            run(["apt-get", "update", "-qq"], env=env)
            _install(missing, env)


def ensure_docker() -> Path:
    """Debian's docker engine, only for tests of the plain engine; returns dockerd."""
    ensure_packages(DOCKER)
    return need_program("dockerd")


def _install(packages: list[str], env: Mapping[str, str]) -> None:
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], env=env)
