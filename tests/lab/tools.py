"""Programs the lab builds or finds: S3 and registry servers, buildx, the product's BuildKit."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines.golang import ensure_go
from fastbuild.engines.install import install
from fastbuild.engines.toolchain import installed
from fastbuild.errors import FastbuildError
from fastbuild.paths import Paths
from tests.lab.packages import ensure_packages, need_program
from tests.lab.places import LabError, digest, lab_dir, making, step
from tests.lab.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.engines.toolchain import Toolchain

BUILDX_VERSION = "v0.38.2"
MODULE = Path(__file__).with_name("servers")  # go.mod pins versitygw and the registry


@dataclass(frozen=True)
class Tools:
    """Paths of every program the lab starts."""

    buildkitd: Path
    buildctl: Path
    versitygw: Path
    registry: Path
    buildx: Path  # works alone; its folder serves as docker's cliPluginsExtraDirs
    busybox: Path
    runc: Path

    @property
    def cli_plugins(self) -> Path:
        return self.buildx.parent

    def path(self) -> str:
        """A PATH on which all of them are found first."""
        own = dict.fromkeys(str(program.parent) for program in (self.buildctl, self.versitygw, self.buildx))
        sbin = "/usr/local/sbin:/usr/sbin:/sbin"
        return os.pathsep.join([*own, os.environ.get("PATH", os.defpath), sbin])


def ensure_tools() -> Tools:
    """Install or build what is missing; instant when all is there."""
    ensure_packages()
    buildkit = _buildkit()
    servers = _go_servers()
    return Tools(
        buildkitd=buildkit.buildkitd,
        buildctl=buildkit.buildctl,
        versitygw=servers / "versitygw",
        registry=servers / "registry",
        buildx=_buildx(),
        busybox=need_program("busybox"),
        runc=need_program("runc"),
    )


def _buildkit() -> Toolchain:
    """The engine as a user gets it: by the product's own installer."""
    paths = _product_paths()
    if there := installed(paths):
        return there
    with _expected_errors(), step("installing BuildKit as `fastbuild engine install` does"):
        return install(paths, os.environ, _say)


def _go() -> Path:
    """The go program; the product's own code fetches it where the machine has none."""
    with _expected_errors():
        return ensure_go(_product_paths(), os.environ, _say)


def _product_paths() -> Paths:
    return Paths.from_environ(os.environ, os.getuid())


def _say(text: str) -> None:
    print(f"lab:   {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _expected_errors() -> Iterator[None]:
    try:
        yield
    except FastbuildError as error:
        raise LabError(error.render()) from error


def _go_env(binaries: Path) -> dict[str, str]:
    return {
        **os.environ,
        "GOBIN": str(binaries),
        "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


def _go_servers() -> Path:
    pins = digest(*((MODULE / name).read_text() for name in ("go.mod", "go.sum")))
    target = lab_dir() / "tools" / f"servers-{pins}"
    with making(target) as draft:
        if draft:
            go = _go()
            with step("building versitygw and registry from the Go module proxy"):
                run([go, "install", "-ldflags=-s -w", "tool"], env=_go_env(draft), cwd=MODULE)
    return target


def _buildx() -> Path:
    target = lab_dir() / "tools" / f"buildx-{BUILDX_VERSION}"
    package = f"github.com/docker/buildx/cmd/buildx@{BUILDX_VERSION}"
    version = f"-ldflags=-s -w -X github.com/docker/buildx/version.Version={BUILDX_VERSION}"
    with making(target) as draft:
        if draft:
            go = _go()
            with step(f"building buildx {BUILDX_VERSION} from the Go module proxy"):
                # Outside the repository: `install pkg@version` wants no module around it.
                run([go, "install", version, package], env=_go_env(draft), cwd=draft)
            (draft / "buildx").rename(draft / "docker-buildx")
    return target / "docker-buildx"
